"""What any host must be able to read: leases of run workers, runs of unknown loads, rollbacks."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

ROLLING_UPGRADE = "Only since this release may old and new ones run at once."


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "worker_leases",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("run_id", name="pk_worker_leases"),
    )
    op.create_table(
        "unknown_runs",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_unknown_runs"),
    )
    op.create_index("ix_audit_action", "audit", ["action"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_audit_action", "audit")
    op.drop_table("unknown_runs")
    op.drop_table("worker_leases")
