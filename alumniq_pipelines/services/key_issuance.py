"""The use case: issue API keys, and notify owner and staff of each in the same transaction.

The command line, the API and the pages issue keys through this module only.
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
    """Issues keys; a method returns the key itself, which is never shown again, and its record."""

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
        """Issue a key to a customer; raises UnknownCustomer."""

        def announcement(key: ApiKey) -> tuple[Condition, Sequence[Notice]]:
            return self._announcement(KeyMade(key=key, made_by=MadeBy.STAFF, actor=actor))

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
        """Issue a key with the scope of another one, for staff, who see all keys.

        Raises UnknownKey and KeyReplacedAlready.
        """

        def announcement(key: ApiKey) -> tuple[Condition, Sequence[Notice]]:
            return self._announcement(KeyMade(key=key, made_by=made_by, actor=actor, old=old))

        return self.ledger.keys.rotate(
            old, now, days, overlap=overlap, actor=actor, announcement=announcement
        )

    def exchange(self, old: ApiKey, email: str, now: datetime) -> tuple[str, ApiKey]:
        """Issue a key with the scope of another one, for a program that may repeat its request.

        `email` is registered if the old key has no address. Raises UnknownKey and
        KeyReplacedAlready.
        """
        actor = f"key {old.prefix}"

        def announcement(key: ApiKey) -> tuple[Condition, Sequence[Notice]]:
            return self._announcement(
                KeyMade(key=key, made_by=MadeBy.EXCHANGE, actor=actor, old=old)
            )

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
