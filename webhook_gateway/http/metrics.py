"""Metrics for Prometheus: the requests of this process and the current state of the ledger."""

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
from alumniq_pipelines.adapters.ledger.metrics import LedgerMetrics
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.notifications.notification import NotificationState
from alumniq_pipelines.core.problems.request import UnknownAddress
from webhook_gateway.http.authentication import is_allowed_from
from webhook_gateway.http.parameters import client_address

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""In seconds. A webhook call takes a few milliseconds; an S3 store can add several hundred."""


class RequestMetrics:
    """Counts requests by route pattern, never by the actual path, which may contain any text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the two metrics."""
        self.requests = Counter(
            "alumniq_gateway_requests",
            "Requests handled.",
            ("method", "route", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "alumniq_gateway_request_seconds",
            "Time to handle a request.",
            ("route",),
            buckets=BUCKETS,
            registry=registry,
        )
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        """By labels, because finding the series of labels takes longer than counting."""

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        labels = method, route, status
        if labels not in self._series:
            self._series[labels] = self.requests.labels(*labels), self.seconds.labels(route)
        requests, durations = self._series[labels]
        requests.inc()
        durations.observe(seconds)


@dataclass(frozen=True, slots=True)
class LedgerGauges(Collector):
    """Reads the ledger at every scrape; while it is unavailable there are no numbers."""

    ledger_metrics: LedgerMetrics
    clock: Callable[[], datetime]

    def describe(self) -> Sequence[Metric]:
        """Return no names, so that registering does not read the ledger."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the ledger."""
        now, since = self.clock(), self.ledger_metrics.waiting_since()
        age = 0.0 if since is None else max(0.0, (now - since).total_seconds())
        loads = self.ledger_metrics.loads()
        waiting = loads.get(LoadState.QUEUED, 0) + loads.get(LoadState.REQUESTED, 0)
        yield _gauge_family("loads", "Loads by state.", "state", LoadState, loads)
        yield GaugeMetricFamily(
            "alumniq_queue_depth", "Loads that wait to start: queued or requested.", value=waiting
        )
        yield GaugeMetricFamily(
            "alumniq_queue_age_seconds",
            "Time since the oldest load that waits to start was accepted, or approved.",
            value=age,
        )
        yield GaugeMetricFamily(
            "alumniq_failed_launches",
            "Launches that failed in a row, of all loads that are not finished.",
            value=self.ledger_metrics.failed_launches(),
        )
        notifications = self.ledger_metrics.notifications()
        yield _gauge_family(
            "notifications", "Notifications by state.", "state", NotificationState, notifications
        )
        deliveries = self.ledger_metrics.delivery_attempts()
        attempts = {"delivered": deliveries.get(True, 0), "failed": deliveries.get(False, 0)}
        yield _gauge_family(
            "notification_attempts", "Delivery attempts.", "result", attempts, attempts
        )
        incidents = self.ledger_metrics.incidents()
        yield _gauge_family("incidents", "Open incidents by kind.", "kind", Kind, incidents)


@dataclass(frozen=True, slots=True, eq=False)
class FieldMapGauges(Collector):
    """Counts the feeds of this process by the state of their field map."""

    catalog: Catalog

    def collect(self) -> Iterator[Metric]:
        """Yield the counts."""
        broken, disabled = len(self.catalog.broken), len(self.catalog.disabled)
        good = len(self.catalog.feeds) - (broken - disabled)
        counts = {"good": good, "last-good": broken - disabled, "disabled": disabled}
        yield _gauge_family(
            "field_maps", "Feeds by state of their field map.", "state", counts, counts
        )


@dataclass(frozen=True, slots=True)
class MetricsEndpoint:
    """The endpoint, which responds only to the networks in the settings."""

    request_metrics: RequestMetrics
    registry: CollectorRegistry
    networks: tuple[str, ...]

    @classmethod
    def of(
        cls,
        ledger: Ledger,
        clock: Callable[[], datetime],
        networks: tuple[str, ...],
        catalog: Catalog,
    ) -> "MetricsEndpoint":
        """Build the endpoint with its own registry, so that a process can hold two gateways."""
        registry = CollectorRegistry()
        registry.register(LedgerGauges(LedgerMetrics(ledger.database), clock))
        registry.register(FieldMapGauges(catalog))
        return cls(RequestMetrics(registry), registry, networks)

    async def show(self, request: Request) -> Response:
        """Return all metrics; raises UnknownAddress for other networks."""
        if not (self.networks and is_allowed_from(client_address(request), self.networks)):
            raise UnknownAddress
        body = await run_in_threadpool(generate_latest, self.registry)
        return Response(body, media_type=CONTENT_TYPE_LATEST)


def _gauge_family(
    name: str, help_text: str, label: str, values: Iterable[str], counts: Mapping[str, int]
) -> Metric:
    """Build a metric with a sample for every value, 0 for those without a count."""
    family = GaugeMetricFamily(f"alumniq_{name}", help_text, labels=[label])
    for value in values:
        family.add_metric([str(value)], counts.get(value, 0))
    return family
