"""Profiles of versions, and how far a customer's columns may be filled less."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("attempts", sa.Column("profile", sa.JSON()))
    op.add_column("subscriptions", sa.Column("fill", sa.JSON()))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("subscriptions", "fill")
    op.drop_column("attempts", "profile")
