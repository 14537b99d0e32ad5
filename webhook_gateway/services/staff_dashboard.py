"""The staff dashboard: what needs attention, across all customers, most urgent first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.live_data import without_live_sentence

EXPIRING_DAYS = 30


class Urgency(IntEnum):
    """How soon staff should act; the lowest value is listed first."""

    NOW = 0
    TODAY = 1
    THIS_MONTH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardItem:
    """Something that needs attention; `since` is when it began or, for an expiry, will happen."""

    urgency: Urgency
    since: datetime
    title: str
    detail: str
    customer: str | None = None
    environment: Environment | None = None
    job_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSummary:
    """A row of the dashboard's list of customers and their environments."""

    customer: str
    name: str
    environment: Environment
    last_load: Load | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Runs the queries of the dashboard. Raises OutageProblem if the ledger is unavailable."""

    ledger: Ledger

    def attention_items(self, now: datetime) -> Sequence[DashboardItem]:
        """List what needs attention: by urgency, then production before QA, then oldest first."""
        found = [
            *self._incidents(),
            *self._held_loads(),
            *self._failing_feeds(),
            *self._expiring_keys(now),
        ]
        return sorted(
            found, key=lambda item: (item.urgency, item.environment is Environment.QA, item.since)
        )

    def environment_summaries(self) -> Sequence[EnvironmentSummary]:
        """List the environments of every customer that have an API key or a load."""
        keys = {(key.customer, key.environment) for key in self.ledger.keys.of()}
        summaries = []
        for customer in self.ledger.customers.all():
            for environment in (Environment.PRODUCTION, Environment.QA):
                newest = self.ledger.loads.find(
                    customer=customer.id, environment=environment, limit=1
                )
                if newest or (customer.id, environment) in keys:
                    summaries.append(
                        EnvironmentSummary(
                            customer=customer.id,
                            name=customer.name,
                            environment=environment,
                            last_load=newest[0] if newest else None,
                        )
                    )
        return summaries

    def _incidents(self) -> Iterator[DashboardItem]:
        for incident in self.ledger.incidents.list_open():
            target = incident.condition.target
            yield DashboardItem(
                urgency=Urgency.NOW,
                since=incident.opened_at,
                title=incident.condition.title,
                detail=f"{incident.condition.detail} {incident.condition.advice}".strip(),
                customer=target.customer if target else None,
                environment=target.environment if target else None,
            )

    def _held_loads(self) -> Iterator[DashboardItem]:
        for hold in self.ledger.holds.undecided():
            load = self.ledger.loads.get(hold.job_id)
            if load is not None:
                yield DashboardItem(
                    urgency=_urgency(load.target.environment),
                    since=hold.held_at,
                    title=f"{load.target.feed} awaits approval until "
                    f"{hold.expires_at:%Y-%m-%d %H:%M}",
                    detail=" ".join(hold.reasons),
                    customer=load.target.customer,
                    environment=load.target.environment,
                    job_id=load.job_id,
                )

    def _failing_feeds(self) -> Iterator[DashboardItem]:
        """Yield the feeds whose newest load failed."""
        for customer in self.ledger.customers.all():
            for environment in Environment:
                newest = self.ledger.loads.latest_by_feed(customer.id, environment)
                for load in newest.values():
                    if load.state is LoadState.FAILED:
                        yield DashboardItem(
                            urgency=_urgency(environment),
                            since=load.ended_at or load.accepted_at,
                            title=f"{load.target.feed} failed",
                            detail=without_live_sentence(load.errors[0]) if load.errors else "",
                            customer=customer.id,
                            environment=environment,
                            job_id=load.job_id,
                        )

    def _expiring_keys(self, now: datetime) -> Iterator[DashboardItem]:
        """Yield the keys that expire soon, unless their environment has a key that lasts longer."""
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
                    urgency=Urgency.TODAY if days <= 1 else Urgency.THIS_MONTH,
                    since=key.expires_at,
                    title=f"The API key {key.prefix}… expires in "
                    f"{days} {'day' if days == 1 else 'days'}",
                    detail="No other key of this environment is valid for longer. "
                    "Ask the customer to rotate it.",
                    customer=key.customer,
                    environment=key.environment,
                )


def _urgency(environment: Environment) -> Urgency:
    return Urgency.NOW if environment is Environment.PRODUCTION else Urgency.TODAY
