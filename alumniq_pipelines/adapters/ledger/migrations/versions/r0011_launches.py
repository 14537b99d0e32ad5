"""Launches of loads, when the next one is due, and which runs must be stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

ROLLING_UPGRADE = "Older than the first release that may run beside another one."

INDEX = "ix_loads_stopping"


def upgrade() -> None:
    """Add the columns; an open load of the previous release has had no launch."""
    for name in ("launch", "failed_launches"):
        column = sa.Column(name, sa.Integer, nullable=False, server_default="0")
        op.add_column("loads", column)
    for name in ("next_attempt_at", "stop_requested_at"):
        op.add_column("loads", sa.Column(name, sa.DateTime(timezone=True)))
    is_stopping = sa.text("stop_requested_at IS NOT NULL")
    op.create_index(
        INDEX, "loads", ["number"], sqlite_where=is_stopping, postgresql_where=is_stopping
    )
    op.add_column("attempts", sa.Column("publishing_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("attempts", "publishing_at")
    op.drop_index(INDEX, "loads")
    for name in ("stop_requested_at", "next_attempt_at", "failed_launches", "launch"):
        op.drop_column("loads", name)
