"""Warnings and notes about a load's file."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("loads", sa.Column("remarks", sa.JSON()))
    op.add_column("attempts", sa.Column("remarks", sa.JSON()))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("attempts", "remarks")
    op.drop_column("loads", "remarks")
