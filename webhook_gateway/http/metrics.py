"""Metrics for Prometheus: the endpoint, and the requests of this process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.problems.request import UnknownAddress
from webhook_gateway.http.authentication import is_allowed_from
from webhook_gateway.http.ledger_metrics import DiskGauges, FieldMapGauges, LedgerCollector
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
        data_folder: Path,
    ) -> "MetricsEndpoint":
        """Build the endpoint with its own registry, so that a process can hold two gateways."""
        registry = CollectorRegistry()
        registry.register(LedgerCollector(ledger, clock, catalog))
        registry.register(FieldMapGauges(catalog))
        registry.register(DiskGauges(data_folder))
        return cls(RequestMetrics(registry), registry, networks)

    async def show(self, request: Request) -> Response:
        """Return all metrics; raises UnknownAddress for other networks."""
        if not (self.networks and is_allowed_from(client_address(request), self.networks)):
            raise UnknownAddress
        body = await run_in_threadpool(generate_latest, self.registry)
        return Response(body, media_type=CONTENT_TYPE_LATEST)
