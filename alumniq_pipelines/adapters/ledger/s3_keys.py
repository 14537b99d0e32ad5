"""S3 keys of customers, with encrypted secrets, and the addresses to notify of new ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.one_off_notices import enqueue_announcement
from alumniq_pipelines.adapters.ledger.tables import incidents, s3_key_reminders, s3_keys
from alumniq_pipelines.core.access.s3_keys import S3Key
from alumniq_pipelines.core.monitoring.incident import Condition, Kind
from alumniq_pipelines.core.notifications.notification import Notice


@dataclass(frozen=True)
class S3Keys:
    """The S3 keys of all customers."""

    database: Database
    audit: AuditTrail

    def of(self, user_name: str) -> Sequence[S3Key]:
        """Return a user's keys, newest first."""
        query = (
            select(
                s3_keys.c.access_key_id,
                s3_keys.c.customer,
                s3_keys.c.user_name,
                s3_keys.c.secret.label("encrypted_secret"),
                s3_keys.c.created_at,
                s3_keys.c.deactivated_at,
            )
            .where(s3_keys.c.user_name == user_name)
            .order_by(s3_keys.c.created_at.desc(), s3_keys.c.access_key_id)
        )
        with self.database.reading() as connection:
            return [
                S3Key(
                    access_key_id=row.access_key_id,
                    customer=row.customer,
                    user_name=row.user_name,
                    encrypted_secret=row.encrypted_secret,
                    created_at=row.created_at,
                    deactivated_at=row.deactivated_at,
                )
                for row in connection.execute(query)
            ]

    def encrypted_secrets(self) -> Sequence[str]:
        """Return the encrypted secrets of all live keys."""
        query = select(s3_keys.c.secret).where(s3_keys.c.deactivated_at.is_(None))
        with self.database.reading() as connection:
            return connection.scalars(query).all()

    def add(self, key: S3Key, notices: Sequence[Notice], now: datetime) -> None:
        """Save a new key and enqueue its notices, in one transaction."""
        with self.database.writing() as connection:
            connection.execute(
                insert(s3_keys).values(
                    access_key_id=key.access_key_id,
                    customer=key.customer,
                    user_name=key.user_name,
                    secret=key.encrypted_secret,
                    created_at=key.created_at,
                )
            )
            self._audit(connection, "S3 key made", key, now)
            _enqueue(connection, f"msg_{key.access_key_id}-made", "S3 key made", notices, now)

    def deactivate(self, key: S3Key, now: datetime) -> None:
        """Record that a key is deactivated; repeating it changes nothing."""
        ended = (
            update(s3_keys)
            .where(s3_keys.c.access_key_id == key.access_key_id, s3_keys.c.deactivated_at.is_(None))
            .values(deactivated_at=now)
        )
        with self.database.writing() as connection:
            if connection.execute(ended).rowcount:  # audited once, however often it is repeated
                self._audit(connection, "S3 key deactivated", key, now)

    def warn(self, key: S3Key, notices: Sequence[Notice], now: datetime) -> bool:
        """Enqueue the warning that a key ends soon, once; False if that was done already."""
        condition_key = f"s3-key:{key.access_key_id}"
        with self.database.writing() as connection:
            # The announcement itself records that the warning was sent.
            existing = select(incidents.c.id).where(incidents.c.key == condition_key).limit(1)
            if connection.scalar(existing) is not None:
                return False
            _enqueue(
                connection,
                f"msg_{key.access_key_id}-ends",
                "S3 key ends",
                notices,
                now,
                condition_key,
            )
        return True

    def add_reminder_address(self, customer: str, email: str, now: datetime) -> None:
        """Add an address to notify when keys are created or end; repeating it changes nothing."""
        statement = self.database.insert(s3_key_reminders).values(
            customer=customer, email=email, created_at=now
        )
        with self.database.writing_once() as connection:
            connection.execute(statement.on_conflict_do_nothing())

    def reminder_addresses(self, customer: str) -> Sequence[str]:
        """Return a customer's addresses to notify."""
        query = select(s3_key_reminders.c.email).where(s3_key_reminders.c.customer == customer)
        with self.database.reading() as connection:
            return list(connection.scalars(query.order_by(s3_key_reminders.c.email)))

    def _audit(self, connection: Connection, action: str, key: S3Key, now: datetime) -> None:
        self.audit.add(
            "system",
            action,
            key.access_key_id,
            now,
            detail={"user": key.user_name},
            connection=connection,
        )


def _enqueue(
    connection: Connection,
    name: str,
    title: str,
    notices: Sequence[Notice],
    now: datetime,
    key: str = "",
) -> None:
    condition = Condition(key=key or name, kind=Kind.KEY_EXPIRING, title=title, detail="")
    enqueue_announcement(connection, name, condition, notices, now)
