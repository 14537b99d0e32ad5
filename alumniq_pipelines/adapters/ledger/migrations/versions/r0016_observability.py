"""What traces and metrics need: the trace of a load, seconds per step, and ticks of sensors."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

ROLLING_UPGRADE = "Of the same release as the revision before it."


def upgrade() -> None:
    """Add the columns, the table and the indexes; loads of earlier releases have no trace."""
    op.add_column("loads", sa.Column("trace_context", sa.String(64)))
    op.add_column("attempts", sa.Column("seconds", sa.JSON()))
    op.create_index("ix_loads_ended_at", "loads", ["ended_at"])
    op.create_index("ix_attempts_ended_at", "attempts", ["ended_at"])
    op.create_table(
        "sensor_ticks",
        sa.Column("sensor", sa.String(100), nullable=False),
        sa.Column("ticked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sensor", name="pk_sensor_ticks"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("sensor_ticks")
    op.drop_index("ix_attempts_ended_at", "attempts")
    op.drop_index("ix_loads_ended_at", "loads")
    op.drop_column("attempts", "seconds")
    op.drop_column("loads", "trace_context")
