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
class Concern:
    """Something that needs somebody; `since` is when it began, or when it will."""

    urgency: Urgency
    since: datetime
    title: str
    detail: str
    customer: str | None = None
    environment: Environment | None = None
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """A customer's environment as the board lists it."""

    customer: str
    name: str
    environment: Environment
    last_load: Load | None


@dataclass(frozen=True, slots=True)
class Board:
    """The use case. Raises OutageProblem where the ledger is away."""

    ledger: Ledger

    def concerns(self, now: datetime) -> Sequence[Concern]:
        """List what needs somebody: production before QA, older before newer."""
        found = [*self._incidents(), *self._held(), *self._failing(), *self._expiring(now)]
        return sorted(
            found,
            key=lambda each: (each.urgency, each.environment is Environment.QA, each.since),
        )

    def desks(self) -> Sequence[Desk]:
        """List every customer's environments that hold a key or saw a load."""
        keys = {(each.customer, each.environment) for each in self.ledger.keys.of()}
        return [
            Desk(customer.id, customer.name, environment, newest)
            for customer in self.ledger.customers.all()
            for environment in (Environment.PRODUCTION, Environment.QA)
            for newest in [self._newest(customer.id, environment)]
            if newest or (customer.id, environment) in keys
        ]

    def _newest(self, customer: str, environment: Environment) -> Load | None:
        found = self.ledger.loads.find(customer=customer, environment=environment, most=1)
        return found[0] if found else None

    def _incidents(self) -> Iterator[Concern]:
        for each in self.ledger.incidents.now_open():
            target = each.condition.target
            yield Concern(
                Urgency.NOW,
                each.opened_at,
                each.condition.title,
                f"{each.condition.detail} {each.condition.advice}".strip(),
                target.customer if target else None,
                target.environment if target else None,
            )

    def _held(self) -> Iterator[Concern]:
        for hold in self.ledger.holds.undecided():
            load = self.ledger.loads.get(hold.job_id)
            if load is not None:
                yield Concern(
                    _urgency(load.target.environment),
                    hold.held_at,
                    f"{load.target.feed} is held until {hold.expires_at:%Y-%m-%d %H:%M}",
                    " ".join(hold.reasons),
                    load.target.customer,
                    load.target.environment,
                    load.job_id,
                )

    def _failing(self) -> Iterator[Concern]:
        """Find feeds whose newest load failed."""
        for customer in self.ledger.customers.all():
            for environment in Environment:
                newest = self.ledger.loads.last_of_each_feed(customer.id, environment)
                for load in newest.values():
                    if load.state is LoadState.FAILED:
                        yield Concern(
                            _urgency(environment),
                            load.ended_at or load.accepted_at,
                            f"{load.target.feed} failed",
                            load.errors[0] if load.errors else "",
                            customer.id,
                            environment,
                            load.job_id,
                        )

    def _expiring(self, now: datetime) -> Iterator[Concern]:
        """Find keys that end soon while no other key of their environment lives on."""
        live = [each for each in self.ledger.keys.of() if each.is_live(now)]
        lasting = {
            (each.customer, each.environment)
            for each in live
            if each.days_remaining(now) > EXPIRING_DAYS
        }
        for each in live:
            days = each.days_remaining(now)
            if days <= EXPIRING_DAYS and (each.customer, each.environment) not in lasting:
                yield Concern(
                    Urgency.TODAY if days <= 1 else Urgency.THIS_MONTH,
                    each.expires_at,
                    f"The key {each.prefix}… expires in {days} days",
                    "No other key of this environment lives on: have it rotated.",
                    each.customer,
                    each.environment,
                )


def _urgency(environment: Environment) -> Urgency:
    return Urgency.NOW if environment is Environment.PRODUCTION else Urgency.TODAY
