"""The staff dashboard: what needs attention, across all customers, most urgent first.

The number of its queries does not depend on the number of customers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from alumniq_pipelines.adapters.ledger.attention_queries import AttentionQueries
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.loads.load import JobId, Load
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.monitoring.attention import AttentionItem, Concern, Urgency
from alumniq_pipelines.core.monitoring.incident import Incident
from alumniq_pipelines.core.problems.live_data import without_live_sentence

ITEMS_PER_PAGE = 50
CUSTOMERS_PER_PAGE = 50


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

    def attention_items(
        self, now: datetime, search: str = "", page: int = 1
    ) -> tuple[Sequence[DashboardItem], bool]:
        """List a page of what needs attention, and whether there is more.

        By urgency, then production before QA, then oldest first.
        """
        found = self._queries.items(
            now,
            search=search,
            limit=ITEMS_PER_PAGE + 1,
            offset=(page - 1) * ITEMS_PER_PAGE,
        )
        shown = found[:ITEMS_PER_PAGE]
        details = _Details.read(self.ledger, self._queries, shown)
        items = [item for shown_item in shown if (item := details.describe(shown_item, now))]
        return items, len(found) > len(shown)

    def environment_summaries(
        self, now: datetime, search: str = "", page: int = 1
    ) -> tuple[Sequence[EnvironmentSummary], bool]:
        """List the environments of a page of customers, and whether there are more customers.

        Those that have an API key or a load; customers that need attention come first.
        """
        found = self._queries.customers(
            now,
            search=search,
            limit=CUSTOMERS_PER_PAGE + 1,
            offset=(page - 1) * CUSTOMERS_PER_PAGE,
        )
        shown = found[:CUSTOMERS_PER_PAGE]
        ids = [customer.id for customer in shown]
        newest = self._queries.newest_loads(ids)
        known = self._queries.environments_with_keys(ids) | newest.keys()
        summaries = [
            EnvironmentSummary(
                customer=customer.id,
                name=customer.name,
                environment=environment,
                last_load=newest.get((customer.id, environment)),
            )
            for customer in shown
            for environment in (Environment.PRODUCTION, Environment.QA)
            if (customer.id, environment) in known
        ]
        return summaries, len(found) > len(shown)

    @property
    def _queries(self) -> AttentionQueries:
        return AttentionQueries(self.ledger.database)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Details:
    """What the items of a page say, by id; what has ended since the page was read is missing."""

    incidents: Mapping[str, Incident]
    loads: Mapping[str, Load]
    held_until: Mapping[JobId, tuple[datetime, Sequence[str]]]
    keys: Mapping[str, ApiKey]

    @classmethod
    def read(
        cls, ledger: Ledger, queries: AttentionQueries, items: Sequence[AttentionItem]
    ) -> "_Details":
        def ids(*concerns: Concern) -> list[str]:
            return [item.id for item in items if item.concern in concerns]

        incidents = ledger.incidents.of_ids([int(name) for name in ids(Concern.INCIDENT)])
        loads = ledger.loads.of_ids(
            [JobId(name) for name in ids(Concern.HELD_LOAD, Concern.FAILING_FEED)]
        )
        keys = ledger.keys.of_prefixes(ids(Concern.EXPIRING_KEY))
        return cls(
            incidents={str(incident.id): incident for incident in incidents},
            loads={load.job_id: load for load in loads},
            held_until=queries.held_until([JobId(name) for name in ids(Concern.HELD_LOAD)]),
            keys={key.prefix: key for key in keys},
        )

    def describe(self, item: AttentionItem, now: datetime) -> DashboardItem | None:
        title, detail = self._text(item, now)
        if not title:
            return None
        return DashboardItem(
            urgency=item.urgency,
            since=item.since,
            title=title,
            detail=detail,
            customer=item.customer,
            environment=item.environment,
            job_id=item.id if item.id in self.loads else None,
        )

    def _text(self, item: AttentionItem, now: datetime) -> tuple[str, str]:
        """Return the title and detail of an item; empty if it is gone."""
        load = self.loads.get(item.id)
        match item.concern:
            case Concern.INCIDENT:
                incident = self.incidents.get(item.id)
                return ("", "") if incident is None else _incident_text(incident)
            case Concern.HELD_LOAD:
                held = self.held_until.get(JobId(item.id))
                if load is None or held is None:
                    return "", ""
                until, reasons = held
                title = f"{load.target.feed} awaits approval until {until:%Y-%m-%d %H:%M}"
                return title, " ".join(reasons)
            case Concern.FAILING_FEED:
                if load is None:
                    return "", ""
                detail = without_live_sentence(load.errors[0]) if load.errors else ""
                return f"{load.target.feed} failed", detail
            case Concern.EXPIRING_KEY:
                key = self.keys.get(item.id)
                return ("", "") if key is None else _key_text(key, now)
        assert_never(item.concern)


def _incident_text(incident: Incident) -> tuple[str, str]:
    condition = incident.condition
    return condition.title, f"{condition.detail} {condition.advice}".strip()


def _key_text(key: ApiKey, now: datetime) -> tuple[str, str]:
    days = key.days_remaining(now)
    return (
        f"The API key {key.prefix}… expires in {days} {'day' if days == 1 else 'days'}",
        "No other key of this environment is valid for longer. Ask the customer to rotate it.",
    )
