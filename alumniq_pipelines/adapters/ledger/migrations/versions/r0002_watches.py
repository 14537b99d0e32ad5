"""Watches and incidents; a notification is about a load or about an incident."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ROLLING_UPGRADE = "Older than the first release that may run beside another one."

TIME = sa.DateTime(timezone=True)
WORD = sa.String(20)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    """Create the tables, and allow notifications about incidents."""
    _make_watches()
    _make_incidents()
    kept = _set_attempts_aside()
    with op.batch_alter_table("notifications") as table:
        table.alter_column("job_id", existing_type=sa.String(35), nullable=True)
        table.add_column(sa.Column("incident_id", NUMBER))
        table.create_foreign_key(
            "fk_notifications_incident_id_incidents", "incidents", ["incident_id"], ["id"]
        )
        table.create_check_constraint(
            "ck_notifications_about_one", "(job_id IS NULL) <> (incident_id IS NULL)"
        )
        table.create_index("ix_notifications_incident_id", ["incident_id"])
    _put_attempts_back(kept)


def downgrade() -> None:
    """Drop them, and delete the notifications about incidents."""
    op.execute(
        "DELETE FROM delivery_attempts WHERE notification_id IN "
        "(SELECT id FROM notifications WHERE job_id IS NULL)"
    )
    op.execute("DELETE FROM notifications WHERE job_id IS NULL")
    kept = _set_attempts_aside()
    with op.batch_alter_table("notifications") as table:
        table.drop_index("ix_notifications_incident_id")
        table.drop_constraint("ck_notifications_about_one", type_="check")
        table.drop_constraint("fk_notifications_incident_id_incidents", type_="foreignkey")
        table.drop_column("incident_id")
        table.alter_column("job_id", existing_type=sa.String(35), nullable=False)
    _put_attempts_back(kept)
    op.drop_table("incidents")
    op.drop_table("watches")


def _make_watches() -> None:
    op.create_table(
        "watches",
        sa.Column("customer", sa.String(length=31), nullable=False),
        sa.Column("environment", WORD, nullable=False),
        sa.Column("feed", sa.String(length=100), nullable=False),
        sa.Column("cron", sa.String(length=200)),
        sa.Column("period_seconds", sa.Integer()),
        sa.Column("time_zone", sa.String(length=100), nullable=False),
        sa.Column("grace_seconds", sa.Integer(), nullable=False),
        sa.Column("days_off", sa.JSON(), nullable=False),
        sa.Column("skips_weekends", sa.Boolean(), nullable=False),
        sa.Column("heartbeat_url", sa.Text(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("snoozed_until", TIME),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.id"], name="fk_watches_customer_customers"
        ),
        sa.PrimaryKeyConstraint("customer", "environment", "feed", name="pk_watches"),
    )


def _make_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("customer", sa.String(length=31)),
        sa.Column("environment", WORD),
        sa.Column("feed", sa.String(length=100)),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("told_at", TIME),
        sa.Column("closed_at", TIME),
        sa.Column("resolution", WORD),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"])
    op.create_index(
        "uq_incidents_open",
        "incidents",
        ["key"],
        unique=True,
        sqlite_where=IS_OPEN,
        postgresql_where=IS_OPEN,
    )


def _set_attempts_aside() -> sa.Table | None:
    """Drop the table that refers to notifications: SQLite alters a table by replacing it."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return None
    kept = sa.Table("delivery_attempts", sa.MetaData(), autoload_with=connection)
    op.execute("CREATE TEMPORARY TABLE set_aside AS SELECT * FROM delivery_attempts")
    op.drop_table("delivery_attempts")
    return kept


def _put_attempts_back(kept: sa.Table | None) -> None:
    if kept is not None:
        kept.create(op.get_bind())
        op.execute("INSERT INTO delivery_attempts SELECT * FROM set_aside")
        op.execute("DROP TABLE set_aside")
