"""Versions of loads that the ledger does not know, because it was restored from a backup."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

FOREIGN_KEY = "fk_versions_job_id_loads"


def upgrade() -> None:
    """Drop the foreign key; SQLite copies the table for that."""
    with op.batch_alter_table("versions") as table:
        table.drop_constraint(FOREIGN_KEY, type_="foreignkey")


def downgrade() -> None:
    """Create it again, without the versions that it would refuse."""
    versions = sa.table("versions", sa.column("job_id", sa.String))
    loads = sa.table("loads", sa.column("job_id", sa.String))
    known = sa.select(loads.c.job_id)
    op.execute(sa.delete(versions).where(versions.c.job_id.not_in(known)))
    with op.batch_alter_table("versions") as table:
        table.create_foreign_key(FOREIGN_KEY, "loads", ["job_id"], ["job_id"])
