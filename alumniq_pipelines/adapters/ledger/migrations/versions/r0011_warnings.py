"""The warnings and notes of a load's file under the name that everything else gives them."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Rename the columns."""
    op.alter_column("loads", "remarks", new_column_name="warnings")
    op.alter_column("attempts", "remarks", new_column_name="warnings")


def downgrade() -> None:
    """Rename them back."""
    op.alter_column("attempts", "warnings", new_column_name="remarks")
    op.alter_column("loads", "warnings", new_column_name="remarks")
