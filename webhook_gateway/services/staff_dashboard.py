"""The staff's board: what needs somebody, over all customers, most urgent first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.target import Environment

EXPIRING_DAYS = 30


class Urgency(IntEnum):
    """How soon somebody has to look; the smallest comes first."""

    NOW = 0
    TODAY = 1
    THIS_MONTH = 2


@dataclass(frozen=True, slots=True)
class DashboardItem:
    """Something that needs somebody; `since` is when it began, or when it will."""

    urgency: Urgency
    since: datetime
    title: str
    detail: str
    customer: str | None = None
    environment: Environment | None = None
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentSummary:
    """A customer's environment as the board lists it."""

    customer: str
    name: str
    environment: Environment
    last_load: Load | None


@dataclass(frozen=True, slots=True)
class Board:
    """The use case. Raises OutageProblem where the ledger is away."""

    ledger: Ledger

    def attention_items(self, now: datetime) -> Sequence[DashboardItem]:
        """List what needs somebody: production before QA, older before newer."""
        found = [*self._incidents(), *self._held(), *self._failing(), *self._expiring(now)]
        return sorted(
            found,
            key=lambda concern: (
                concern.urgency,
                concern.environment is Environment.QA,
                concern.since,
            ),
        )

    def environment_summaries(self) -> Sequence[EnvironmentSummary]:
        """List every customer's environments that hold a key or saw a load."""
        keys = {(key.customer, key.environment) for key in self.ledger.keys.of()}
        return [
            EnvironmentSummary(customer.id, customer.name, environment, newest)
            for customer in self.ledger.customers.all()
            for environment in (Environment.PRODUCTION, Environment.QA)
            for newest in [self._newest(customer.id, environment)]
            if newest or (customer.id, environment) in keys
        ]

    def _newest(self, customer: str, environment: Environment) -> Load | None:
        found = self.ledger.loads.find(customer=customer, environment=environment, limit=1)
        return found[0] if found else None

    def _incidents(self) -> Iterator[DashboardItem]:
        for incident in self.ledger.incidents.list_open():
            target = incident.condition.target
            yield DashboardItem(
                Urgency.NOW,
                incident.opened_at,
                incident.condition.title,
                f"{incident.condition.detail} {incident.condition.advice}".strip(),
                target.customer if target else None,
                target.environment if target else None,
            )

    def _held(self) -> Iterator[DashboardItem]:
        for hold in self.ledger.holds.undecided():
            load = self.ledger.loads.get(hold.job_id)
            if load is not None:
                yield DashboardItem(
                    _urgency(load.target.environment),
                    hold.held_at,
                    f"{load.target.feed} is held until {hold.expires_at:%Y-%m-%d %H:%M}",
                    " ".join(hold.reasons),
                    load.target.customer,
                    load.target.environment,
                    load.job_id,
                )

    def _failing(self) -> Iterator[DashboardItem]:
        """Find feeds whose newest load failed."""
        for customer in self.ledger.customers.all():
            for environment in Environment:
                newest = self.ledger.loads.latest_by_feed(customer.id, environment)
                for load in newest.values():
                    if load.state is LoadState.FAILED:
                        yield DashboardItem(
                            _urgency(environment),
                            load.ended_at or load.accepted_at,
                            f"{load.target.feed} failed",
                            load.errors[0] if load.errors else "",
                            customer.id,
                            environment,
                            load.job_id,
                        )

    def _expiring(self, now: datetime) -> Iterator[DashboardItem]:
        """Find keys that end soon while no other key of their environment lives on."""
        live = [key for key in self.ledger.keys.of() if key.is_live(now)]
        lasting = {
            (key.customer, key.environment)
            for key in live
            if key.days_remaining(now) > EXPIRING_DAYS
        }
        for key in live:
            days = key.days_remaining(now)
            if days <= EXPIRING_DAYS and (key.customer, key.environment) not in lasting:
                yield DashboardItem(
                    Urgency.TODAY if days <= 1 else Urgency.THIS_MONTH,
                    key.expires_at,
                    f"The key {key.prefix}… expires in {days} days",
                    "No other key of this environment lives on: have it rotated.",
                    key.customer,
                    key.environment,
                )


def _urgency(environment: Environment) -> Urgency:
    return Urgency.NOW if environment is Environment.PRODUCTION else Urgency.TODAY
