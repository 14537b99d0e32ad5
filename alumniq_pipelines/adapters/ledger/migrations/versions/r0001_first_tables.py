"""Customers, keys, subscriptions, loads, attempts, versions, notifications, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True)
WORD = sa.String(20)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the first tables."""
    _make_customers()
    _make_loads()
    _make_attempts()
    _make_versions()
    _make_notifications()
    _make_audit()


def downgrade() -> None:
    """Drop them all."""
    op.drop_table("delivery_attempts")
    op.drop_table("versions")
    op.drop_table("notifications")
    op.drop_table("attempts")
    op.drop_table("subscriptions")
    op.drop_table("loads")
    op.drop_table("api_keys")
    op.drop_table("customers")
    op.drop_table("audit")


def _make_customers() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.String(length=31), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bucket", sa.String(length=63), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.UniqueConstraint("bucket", name="uq_customers_bucket"),
    )
    op.create_table(
        "api_keys",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("customer", sa.String(length=31), nullable=False),
        sa.Column("environment", WORD, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME),
        sa.Column("last_used_at", TIME),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.id"], name="fk_api_keys_customer_customers"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_api_keys"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
    )
    op.create_index("ix_api_keys_customer", "api_keys", ["customer"])
    op.create_table(
        "subscriptions",
        sa.Column("customer", sa.String(length=31), nullable=False),
        sa.Column("environment", WORD, nullable=False),
        sa.Column("feed", sa.String(length=100), nullable=False),
        sa.Column("max_rejected", sa.BigInteger()),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.id"], name="fk_subscriptions_customer_customers"
        ),
        sa.PrimaryKeyConstraint("customer", "environment", "feed", name="pk_subscriptions"),
    )


def _make_loads() -> None:
    op.create_table(
        "loads",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("job_id", sa.String(length=35), nullable=False),
        sa.Column("customer", sa.String(length=31), nullable=False),
        sa.Column("environment", WORD, nullable=False),
        sa.Column("feed", sa.String(length=100), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text()),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("notify_email", sa.Text(), nullable=False),
        sa.Column("notify_webhook", sa.Text(), nullable=False),
        sa.Column("origin", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("accepted_at", TIME, nullable=False),
        sa.Column("requested_at", TIME),
        sa.Column("run_id", sa.String(length=64)),
        sa.Column("started_at", TIME),
        sa.Column("ended_at", TIME),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.Column("rows_read", sa.BigInteger()),
        sa.Column("rows_accepted", sa.BigInteger()),
        sa.Column("rows_rejected", sa.BigInteger()),
        sa.ForeignKeyConstraint(["customer"], ["customers.id"], name="fk_loads_customer_customers"),
        sa.PrimaryKeyConstraint("number", name="pk_loads"),
        sa.UniqueConstraint("job_id", name="uq_loads_job_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_loads_customer_environment_feed_number",
        "loads",
        ["customer", "environment", "feed", "number"],
    )
    op.create_index("ix_loads_state_number", "loads", ["state", "number"])


def _make_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.String(length=35), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("result", WORD),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.Column("rows_read", sa.BigInteger()),
        sa.Column("rows_accepted", sa.BigInteger()),
        sa.Column("rows_rejected", sa.BigInteger()),
        sa.ForeignKeyConstraint(["job_id"], ["loads.job_id"], name="fk_attempts_job_id_loads"),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_attempts"),
    )
    op.create_index("ix_attempts_run_id", "attempts", ["run_id"])


def _make_versions() -> None:
    op.create_table(
        "versions",
        sa.Column("customer", sa.String(length=31), nullable=False),
        sa.Column("environment", WORD, nullable=False),
        sa.Column("feed", sa.String(length=100), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("job_id", sa.String(length=35), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("etag", sa.Text()),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("published_at", TIME, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.id"], name="fk_versions_customer_customers"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["loads.job_id"], name="fk_versions_job_id_loads"),
        sa.PrimaryKeyConstraint("customer", "environment", "feed", "number", name="pk_versions"),
    )


def _make_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=35), nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=False),
        sa.Column("leased_until", TIME),
        sa.ForeignKeyConstraint(["job_id"], ["loads.job_id"], name="fk_notifications_job_id_loads"),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    op.create_index("ix_notifications_job_id", "notifications", ["job_id"])
    op.create_index(
        "ix_notifications_state_next_attempt_at", "notifications", ["state", "next_attempt_at"]
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("notification_id", sa.String(length=64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
            name="fk_delivery_attempts_notification_id_notifications",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_attempts"),
    )
    op.create_index(
        "ix_delivery_attempts_notification_id", "delivery_attempts", ["notification_id"]
    )


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
