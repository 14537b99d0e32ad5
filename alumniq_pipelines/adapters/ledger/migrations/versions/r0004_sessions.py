"""Staff accounts, and the sessions of staff and customers on the pages."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "staff",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_staff")),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("staff", sa.String(100)),
        sa.Column("key_prefix", sa.String(16)),
        sa.Column("customer", sa.String(31)),
        sa.Column("environment", sa.String(20)),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
        sa.ForeignKeyConstraint(["staff"], ["staff.name"], name=op.f("fk_sessions_staff_staff")),
        sa.ForeignKeyConstraint(
            ["key_prefix"], ["api_keys.prefix"], name=op.f("fk_sessions_key_prefix_api_keys")
        ),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.id"], name=op.f("fk_sessions_customer_customers")
        ),
        sa.CheckConstraint(
            "(staff IS NULL) <> (key_prefix IS NULL)", name=op.f("ck_sessions_of_one")
        ),
    )
    op.create_index(op.f("ix_sessions_staff"), "sessions", ["staff"])
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("sessions")
    op.drop_table("staff")
