"""What a failed delivery attempt is put down to, if not to its receiver."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

ROLLING_UPGRADE = "Older than the first release that may run beside another one."

INDEX = "ix_delivery_attempts_cause"


def upgrade() -> None:
    """Add the column; the attempts of earlier releases have no cause but their receivers."""
    op.add_column("delivery_attempts", sa.Column("cause", sa.String(20)))
    op.create_index(INDEX, "delivery_attempts", ["cause"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index(INDEX, "delivery_attempts")
    op.drop_column("delivery_attempts", "cause")
