"""The salts of customers' signing secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "signing_salts",
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("customer", sa.String(31), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.PrimaryKeyConstraint("salt", name=op.f("pk_signing_salts")),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.id"], name=op.f("fk_signing_salts_customer_customers")
        ),
    )
    op.create_index(op.f("ix_signing_salts_customer"), "signing_salts", ["customer"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("signing_salts")
