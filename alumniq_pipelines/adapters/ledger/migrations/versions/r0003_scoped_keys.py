"""Scopes, addresses and notices of API keys; S3 keys; dry runs and idempotency keys of loads."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ROLLING_UPGRADE = "Older than the first release that may run beside another one."

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns and the tables."""
    op.add_column("api_keys", sa.Column("feeds", sa.JSON()))
    op.add_column("api_keys", sa.Column("networks", sa.JSON()))
    op.add_column("api_keys", sa.Column("email", sa.Text()))
    op.add_column("api_keys", sa.Column("replaced_by", sa.String(16)))
    op.add_column("api_keys", sa.Column("noticed_days", sa.Integer()))
    op.add_column(
        "loads", sa.Column("dry_run", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("loads", sa.Column("idempotency_key", sa.String(300)))
    op.create_index(op.f("ix_loads_idempotency_key"), "loads", ["idempotency_key"], unique=True)
    op.create_table(
        "s3_keys",
        sa.Column("access_key_id", sa.String(128), nullable=False),
        sa.Column("customer", sa.String(31), nullable=False),
        sa.Column("user_name", sa.String(64), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("deactivated_at", TIME),
        sa.PrimaryKeyConstraint("access_key_id", name=op.f("pk_s3_keys")),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.id"], name=op.f("fk_s3_keys_customer_customers")
        ),
    )
    op.create_index(op.f("ix_s3_keys_customer"), "s3_keys", ["customer"])
    op.create_table(
        "s3_key_reminders",
        sa.Column("customer", sa.String(31), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("customer", "email", name=op.f("pk_s3_key_reminders")),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.id"], name=op.f("fk_s3_key_reminders_customer_customers")
        ),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("s3_key_reminders")
    op.drop_table("s3_keys")
    op.drop_index(op.f("ix_loads_idempotency_key"), "loads")
    op.drop_column("loads", "idempotency_key")
    op.drop_column("loads", "dry_run")
    for name in ("noticed_days", "replaced_by", "email", "networks", "feeds"):
        op.drop_column("api_keys", name)
