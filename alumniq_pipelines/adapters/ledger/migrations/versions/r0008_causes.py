"""What rejected the rows of a load's file, for whoever finishes an attempt that was cut off."""

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
