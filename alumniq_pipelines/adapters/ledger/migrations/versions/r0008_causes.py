"""The causes of a load's rejections, to finish an attempt that was interrupted."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column."""
    op.add_column("attempts", sa.Column("causes", sa.JSON()))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("attempts", "causes")
