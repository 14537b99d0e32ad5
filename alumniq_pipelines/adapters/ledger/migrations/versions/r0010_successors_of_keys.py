"""The key that a key replaces."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column, and fill it where the old key names its successor."""
    op.add_column("api_keys", sa.Column("replaces", sa.String(16)))
    keys = sa.table("api_keys", *map(sa.column, ("prefix", "replaced_by", "replaces")))
    old = keys.alias("old")
    replaced = sa.select(old.c.prefix).where(old.c.replaced_by == keys.c.prefix).limit(1)
    op.execute(sa.update(keys).values(replaces=replaced.scalar_subquery()))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("api_keys", "replaces")
