"""API keys: kept as digests, found by digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from alumniq_pipelines.core.keys import ApiKey
from alumniq_pipelines.core.target import Environment


@dataclass(frozen=True)
class ApiKeys:
    """The keys of all customers."""

    engine: Engine

    def issue(
        self, customer: str, environment: Environment, now: datetime, days: int = 365
    ) -> tuple[str, ApiKey]:
        """Make and keep a key; the first part is the key itself, never to be seen again.

        Raises UnknownCustomer.
        """
        raise NotImplementedError

    def find(self, key: str, now: datetime) -> ApiKey | None:
        """Look up a live key; None for unknown, expired and revoked alike. Notes its use."""
        raise NotImplementedError

    def of(self, customer: str | None = None) -> Sequence[ApiKey]:
        """List keys, newest first."""
        raise NotImplementedError

    def revoke(self, prefix: str, now: datetime) -> bool:
        """Take a key out of use at once; False where no live key has that prefix."""
        raise NotImplementedError
