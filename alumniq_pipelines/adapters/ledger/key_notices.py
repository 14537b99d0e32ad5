"""Expiry notices of API keys: enqueued once for each of the days on which they are due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.keys import ApiKeys
from alumniq_pipelines.adapters.ledger.one_off_notices import enqueue_announcement
from alumniq_pipelines.adapters.ledger.tables import api_keys
from alumniq_pipelines.core.access.api_keys import NOTICE_DAYS, ApiKey, notice_due
from alumniq_pipelines.core.monitoring.incident import Condition
from alumniq_pipelines.core.notifications.notification import Notice


@dataclass(frozen=True)
class KeyExpiryNotices:
    """The notices about keys that expire soon."""

    database: Database
    keys: ApiKeys

    def due(self, now: datetime) -> Sequence[tuple[ApiKey, int]]:
        """Return the keys whose notice is due now, each with the days until it expires."""
        query = select(api_keys.c.prefix, api_keys.c.noticed_days).where(
            api_keys.c.revoked_at.is_(None),
            api_keys.c.expires_at > now,
            api_keys.c.expires_at <= now + timedelta(days=max(NOTICE_DAYS)),
        )
        with self.database.reading() as connection:
            noticed = {row[0]: row[1] for row in connection.execute(query)}
        found = []
        for prefix, last_notice in noticed.items():
            key = self.keys.get(prefix)
            if key is None:
                continue
            successors: Sequence[ApiKey] = ()
            if key.replaced_by is not None:
                successors = [
                    other
                    for other in self.keys.of(key.customer)
                    if other.replaces == key.prefix and other.revoked_at is None
                ]
            days = notice_due(key, successors, last_notice, now)
            if days is not None:
                found.append((key, days))
        return found

    def enqueue(
        self, key: ApiKey, days: int, condition: Condition, notices: Sequence[Notice], now: datetime
    ) -> bool:
        """Enqueue the notices for this number of days once; False if that was done already."""
        # noticed_days only decreases, so of several processes one enqueues this notice.
        statement = (
            update(api_keys)
            .where(
                api_keys.c.prefix == key.prefix,
                or_(api_keys.c.noticed_days.is_(None), api_keys.c.noticed_days > days),
            )
            .values(noticed_days=days)
        )
        with self.database.writing() as connection:
            if connection.execute(statement).rowcount == 0:
                return False
            enqueue_announcement(connection, f"msg_{key.prefix}-{days}", condition, notices, now)
        return True
