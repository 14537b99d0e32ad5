"""Metrics for Prometheus: the calls of this process, and what is in the ledger at the moment."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.metrics import Tallies
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.notifications.notification import NotificationState
from alumniq_pipelines.core.problems.request import UnknownAddress
from webhook_gateway.http.authentication import may_come_from
from webhook_gateway.http.parameters import address_of

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""Seconds: a webhook takes some milliseconds, an S3 store may add some hundred."""


class Calls:
    """Counts the calls of this process by route, never by what stands in an address."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Begin at zero."""
        self.requests = Counter(
            "alumniq_gateway_requests",
            "Calls answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "alumniq_gateway_request_seconds",
            "Time to answer a call.",
            ("route",),
            buckets=BUCKETS,
            registry=registry,
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a call."""
        self.requests.labels(method, route, status).inc()
        self.seconds.labels(route).observe(seconds)


@dataclass(frozen=True, slots=True)
class LedgerGauges(Collector):
    """Looks into the ledger whenever it is asked; a ledger that is away has no numbers."""

    tallies: Tallies
    clock: Callable[[], datetime]

    def describe(self) -> Sequence[Metric]:
        """Name nothing ahead: the registry need not look into the ledger at the start."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Look."""
        now, since = self.clock(), self.tallies.waiting_since()
        age = 0.0 if since is None else max(0.0, (now - since).total_seconds())
        loads = self.tallies.loads()
        waiting = loads.get(LoadState.QUEUED, 0) + loads.get(LoadState.REQUESTED, 0)
        yield _family("loads", "Loads by state.", "state", LoadState, loads)
        yield GaugeMetricFamily("alumniq_queue_depth", "Loads that wait.", value=waiting)
        yield GaugeMetricFamily("alumniq_queue_age_seconds", "Age of the first.", value=age)
        told = self.tallies.notifications()
        yield _family("notifications", "Notifications by state.", "state", NotificationState, told)
        tries = self.tallies.delivery_attempts()
        attempts = {"delivered": tries.get(True, 0), "failed": tries.get(False, 0)}
        yield _family("notification_attempts", "Tries at sending.", "result", attempts, attempts)
        incidents = self.tallies.incidents()
        yield _family("incidents", "Open incidents by kind.", "kind", Kind, incidents)


@dataclass(frozen=True, slots=True, eq=False)
class FieldMapGauges(Collector):
    """Counts the feeds of this process by how their field map is."""

    catalog: Catalog

    def collect(self) -> Iterator[Metric]:
        """Count."""
        broken, disabled = len(self.catalog.broken), len(self.catalog.disabled)
        good = len(self.catalog.feeds) - (broken - disabled)
        counts = {"good": good, "last-good": broken - disabled, "disabled": disabled}
        yield _family("field_maps", "Feeds by state of their field map.", "state", counts, counts)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The endpoint; only for networks that the installation names."""

    calls: Calls
    registry: CollectorRegistry
    networks: tuple[str, ...]

    @classmethod
    def of(
        cls,
        ledger: Ledger,
        clock: Callable[[], datetime],
        networks: tuple[str, ...],
        catalog: Catalog,
    ) -> "Metrics":
        """Set up a registry of its own, so that two gateways of one process do not meet."""
        registry = CollectorRegistry()
        registry.register(LedgerGauges(Tallies(ledger.database), clock))
        registry.register(FieldMapGauges(catalog))
        return cls(Calls(registry), registry, networks)

    async def show(self, request: Request) -> Response:
        """Write all numbers; raises UnknownAddress for strangers."""
        if not (self.networks and may_come_from(address_of(request), self.networks)):
            raise UnknownAddress
        written = await run_in_threadpool(generate_latest, self.registry)
        return Response(written, media_type=CONTENT_TYPE_LATEST)


def _family(
    name: str, help_text: str, label: str, words: Iterable[str], counts: Mapping[str, int]
) -> Metric:
    """Write a number for each word, those that do not occur too."""
    family = GaugeMetricFamily(f"alumniq_{name}", help_text, labels=[label])
    for word in words:
        family.add_metric([str(word)], counts.get(word, 0))
    return family
