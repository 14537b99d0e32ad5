"""The use case: make API keys, and notify their owner and staff of each in the same transaction.

The command line, the API and the pages make keys through this module only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.api_keys import EXCHANGE_WINDOW, OVERLAP, ApiKey, KeyScope
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.monitoring.incident import Condition
from alumniq_pipelines.core.notifications.key_expiry import (
    KeyMade,
    MadeBy,
    key_made_condition,
    key_made_notices,
)
from alumniq_pipelines.core.notifications.notification import Notice
from alumniq_pipelines.core.notifications.staff import Staff


@dataclass(frozen=True, slots=True)
class KeyIssuance:
    """Each method returns the key itself, which is never to be seen again, and its record."""

    ledger: Ledger
    staff: Staff

    def issue(
        self,
        customer: str,
        environment: Environment,
        now: datetime,
        days: int,
        *,
        scope: KeyScope,
        actor: str,
    ) -> tuple[str, ApiKey]:
        """Issue a customer's key; raises UnknownCustomer."""

        def announcement(key: ApiKey) -> tuple[Condition, Sequence[Notice]]:
            return self._announcement(KeyMade(key, MadeBy.STAFF, actor))

        return self.ledger.keys.issue(
            customer, environment, now, days, scope=scope, actor=actor, announcement=announcement
        )

    def rotate(
        self,
        old: ApiKey,
        now: datetime,
        days: int = 365,
        *,
        overlap: timedelta = OVERLAP,
        made_by: MadeBy,
        actor: str,
    ) -> tuple[str, ApiKey]:
        """Make a key with the limits of another one, for a person who sees all keys.

        Raises UnknownKey and KeyReplacedAlready.
        """

        def announcement(key: ApiKey) -> tuple[Condition, Sequence[Notice]]:
            return self._announcement(KeyMade(key, made_by, actor, old))

        return self.ledger.keys.rotate(
            old, now, days, overlap=overlap, actor=actor, announcement=announcement
        )

    def exchange(self, old: ApiKey, email: str, now: datetime) -> tuple[str, ApiKey]:
        """Make a key with the limits of another one, for a program that may repeat itself.

        `email` is registered where the old key has no address. Raises UnknownKey and
        KeyReplacedAlready.
        """
        actor = f"key {old.prefix}"

        def announcement(key: ApiKey) -> tuple[Condition, Sequence[Notice]]:
            return self._announcement(KeyMade(key, MadeBy.EXCHANGE, actor, old))

        return self.ledger.keys.rotate(
            old,
            now,
            email=old.email or email,
            actor=actor,
            window=EXCHANGE_WINDOW,
            announcement=announcement,
        )

    def _announcement(self, made: KeyMade) -> tuple[Condition, Sequence[Notice]]:
        return key_made_condition(made), key_made_notices(made, self.staff)
