"""The tables of the ledger: the one definition for statements and migrations.

To change a table, change it here, write its migration (docs/ledger.md says how) and raise REVISION.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    inspect,
    select,
)

from alumniq_pipelines.adapters.ledger.column_types import (
    AUTO_ID,
    SafeText,
    UtcDateTime,
    string_enum,
)
from alumniq_pipelines.core.loads.hold import Decision
from alumniq_pipelines.core.loads.load import LoadState, Origin
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.monitoring.incident import Kind, Resolution
from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.notifications.notification import Audience, Channel, NotificationState

REVISION = "0018"
"""The newest migration: the revision that a database must have for this code."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

customers = Table(
    "customers",
    metadata,
    Column("id", String(31), primary_key=True),
    Column("name", Text, nullable=False),
    Column("bucket", String(63), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("prefix", String(16), nullable=False, unique=True),
    Column("customer", ForeignKey(customers.c.id), nullable=False, index=True),
    Column("environment", string_enum(Environment), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("feeds", JSON(none_as_null=True)),
    Column("networks", JSON(none_as_null=True)),
    Column("email", Text),
    Column("replaced_by", String(16)),
    Column("replaces", String(16)),
    Column("noticed_days", Integer),
)

signing_salts = Table(
    "signing_salts",
    metadata,
    Column("salt", String(64), primary_key=True),
    Column("customer", ForeignKey(customers.c.id), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
)

s3_keys = Table(
    "s3_keys",
    metadata,
    Column("access_key_id", String(128), primary_key=True),
    Column("customer", ForeignKey(customers.c.id), nullable=False, index=True),
    Column("user_name", String(64), nullable=False),
    Column("secret", Text, nullable=False),  # encrypted
    Column("created_at", UtcDateTime, nullable=False),
    Column("deactivated_at", UtcDateTime),
)

s3_key_reminders = Table(
    "s3_key_reminders",
    metadata,
    Column("customer", ForeignKey(customers.c.id), primary_key=True),
    Column("email", String(320), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
)

staff = Table(
    "staff",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("staff", ForeignKey(staff.c.name), index=True),
    Column("key_prefix", ForeignKey(api_keys.c.prefix)),
    Column("customer", ForeignKey(customers.c.id)),
    Column("environment", string_enum(Environment)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    CheckConstraint("(staff IS NULL) <> (key_prefix IS NULL)", "of_one"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("customer", ForeignKey(customers.c.id), primary_key=True),
    Column("environment", string_enum(Environment), primary_key=True),
    Column("feed", String(100), primary_key=True),
    Column("max_rejected", BigInteger),
    Column("thresholds", JSON(none_as_null=True)),
    Column("fill", JSON(none_as_null=True)),
    Column("updated_at", UtcDateTime, nullable=False),
)

loads = Table(
    "loads",
    metadata,
    Column("number", AUTO_ID, primary_key=True),
    Column("job_id", String(35), nullable=False, unique=True),
    Column("customer", ForeignKey(customers.c.id), nullable=False),
    Column("environment", string_enum(Environment), nullable=False),
    Column("feed", String(100), nullable=False),
    Column("filename", Text, nullable=False),
    Column("etag", Text),
    Column("size_bytes", BigInteger),
    Column("notify_email", Text, nullable=False),
    Column("notify_webhook", Text, nullable=False),
    Column("origin", string_enum(Origin), nullable=False),
    Column("state", string_enum(LoadState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("accepted_at", UtcDateTime, nullable=False),
    Column("requested_at", UtcDateTime),
    Column("run_id", String(64)),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("errors", JSON, nullable=False),
    Column("rows_read", BigInteger),
    Column("rows_accepted", BigInteger),
    Column("rows_rejected", BigInteger),
    Column("dry_run", Boolean, nullable=False, server_default=false()),
    Column("idempotency_key", String(300)),
    Column("repeats", String(35)),
    Column("changes", JSON(none_as_null=True)),
    # Warnings and notes: renaming the column would fail processes of the previous release.
    Column("remarks", JSON(none_as_null=True)),
    # Grows whenever the load is queued or requested; only runs of the current launch may begin.
    Column("launch", Integer, nullable=False, server_default="0"),
    Column("failed_launches", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", UtcDateTime),
    Column("stop_requested_at", UtcDateTime),
    Index(None, "idempotency_key", unique=True),  # named by the convention above
    Index(None, "state", "number"),
    Index(None, "customer", "environment", "feed", "number"),
    sqlite_autoincrement=True,  # no number is reused, not even after the newest row was deleted
)

_IS_STOPPING = loads.c.stop_requested_at.is_not(None)
Index(
    "ix_loads_stopping",
    loads.c.number,
    sqlite_where=_IS_STOPPING,
    postgresql_where=_IS_STOPPING,
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", ForeignKey(loads.c.job_id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("run_id", String(64), nullable=False, index=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("result", string_enum(AttemptResult)),
    Column("errors", JSON, nullable=False),
    Column("rows_read", BigInteger),
    Column("rows_accepted", BigInteger),
    Column("rows_rejected", BigInteger),
    Column("sha256", String(64)),
    Column("etag", Text),
    Column("changes", JSON(none_as_null=True)),
    Column("remarks", JSON(none_as_null=True)),
    Column("causes", JSON(none_as_null=True)),
    Column("publishing_at", UtcDateTime),
    Column("profile", JSON(none_as_null=True)),
)

holds = Table(
    "holds",
    metadata,
    Column("job_id", ForeignKey(loads.c.job_id), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("field_map", JSON, nullable=False),
    Column("table_name", String(100), nullable=False),
    Column("columns", JSON, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("etag", Text),
    Column("changes", JSON, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("held_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("decision", string_enum(Decision)),
    Column("decided_at", UtcDateTime),
    Column("actor", String(200)),
    Column("reason", SafeText),
)

versions = Table(
    "versions",
    metadata,
    Column("customer", ForeignKey(customers.c.id), primary_key=True),
    Column("environment", string_enum(Environment), primary_key=True),
    Column("feed", String(100), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    # No foreign key: a ledger that was restored from a backup does not know the load of every one.
    Column("job_id", String(35), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("etag", Text),
    Column("field_map_sha256", String(64)),
    Column("relation", Text, nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
)

watches = Table(
    "watches",
    metadata,
    Column("customer", ForeignKey(customers.c.id), primary_key=True),
    Column("environment", string_enum(Environment), primary_key=True),
    Column("feed", String(100), primary_key=True),
    Column("cron", String(200)),
    Column("period_seconds", Integer),
    Column("time_zone", String(100), nullable=False),
    Column("grace_seconds", Integer, nullable=False),
    Column("days_off", JSON, nullable=False),
    Column("skips_weekends", Boolean, nullable=False),
    Column("heartbeat_url", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("snoozed_until", UtcDateTime),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", AUTO_ID, primary_key=True),
    Column("key", String(300), nullable=False),
    Column("kind", string_enum(Kind), nullable=False),
    Column("customer", String(31)),
    Column("environment", string_enum(Environment)),
    Column("feed", String(100)),
    Column("title", SafeText, nullable=False),
    Column("detail", SafeText, nullable=False),
    Column("advice", SafeText, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False, index=True),
    Column("told_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("resolution", string_enum(Resolution)),
)

_IS_OPEN = incidents.c.closed_at.is_(None)
Index(
    "uq_incidents_open",
    incidents.c.key,
    unique=True,  # a condition has one open incident, however many processes find it at once
    sqlite_where=_IS_OPEN,
    postgresql_where=_IS_OPEN,
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("job_id", ForeignKey(loads.c.job_id), index=True),
    Column("incident_id", ForeignKey(incidents.c.id), index=True),
    Column("channel", string_enum(Channel), nullable=False),
    # A process of an earlier release writes no audience: the default keeps it from customers.
    Column("audience", string_enum(Audience), nullable=False, server_default=Audience.STAFF.value),
    Column("destination", Text, nullable=False),
    Column("subject", SafeText, nullable=False),
    Column("body", SafeText, nullable=False),
    Column("state", string_enum(NotificationState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("leased_until", UtcDateTime),
    Index(None, "state", "next_attempt_at"),
    CheckConstraint("(job_id IS NULL) <> (incident_id IS NULL)", "about_one"),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("id", AUTO_ID, primary_key=True),
    Column("notification_id", ForeignKey(notifications.c.id), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("delivered", Boolean, nullable=False),
    Column("permanent", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Column("cause", string_enum(FailureCause), index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", AUTO_ID, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(100), nullable=False, index=True),
    Column("subject", String(200), nullable=False, index=True),
    Column("detail", JSON, nullable=False),
)

_revisions = Table("alembic_version", MetaData(), Column("version_num", String(32)))
"""Alembic's own table, in a MetaData of its own so that migrations leave it alone."""


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database; None if it has none yet."""
    if not inspect(connection).has_table(_revisions.name):
        return None
    return connection.scalar(select(_revisions.c.version_num))
