"""The warnings and notes of a load's file under the name that everything else gives them.

The columns of before stay: processes of the previous release still read and write them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns, with what is in those of before."""
    op.add_column("loads", sa.Column("warnings", sa.JSON()))
    op.add_column("attempts", sa.Column("warnings", sa.JSON()))
    op.execute("UPDATE loads SET warnings = remarks WHERE remarks IS NOT NULL")
    op.execute("UPDATE attempts SET warnings = remarks WHERE remarks IS NOT NULL")


def downgrade() -> None:
    """Return what was recorded meanwhile to the columns of before."""
    op.execute("UPDATE attempts SET remarks = warnings WHERE warnings IS NOT NULL")
    op.execute("UPDATE loads SET remarks = warnings WHERE warnings IS NOT NULL")
    op.drop_column("attempts", "warnings")
    op.drop_column("loads", "warnings")
