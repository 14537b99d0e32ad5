"""The gateway application: routes and middleware around the adapters that are passed in."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.problems.outage import FieldMapsNotSaved
from alumniq_pipelines.core.problems.problem import OutageProblem
from alumniq_pipelines.core.problems.request import RequestProblem
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.telemetry.tracing import flush_spans, is_tracing
from alumniq_pipelines.wiring import (
    highest_version_number,
    open_archive,
    open_buckets,
    open_cipher,
    read_schemas,
    remove_retired_field_maps,
    save_field_maps,
    staff_of,
)
from webhook_gateway.api.endpoints import Endpoints
from webhook_gateway.api.routes import api_routes
from webhook_gateway.http.authentication import Authenticator
from webhook_gateway.http.compression import Compression
from webhook_gateway.http.errors import handle_error
from webhook_gateway.http.health import Health
from webhook_gateway.http.metrics import MetricsEndpoint, RequestMetrics
from webhook_gateway.http.middleware import RequestMiddleware
from webhook_gateway.http.rate_limit import RateLimit
from webhook_gateway.http.tracing import TraceMiddleware
from webhook_gateway.http.webhook import PATH, PREFIX, Webhook
from webhook_gateway.pages.routes import page_routes
from webhook_gateway.services.bucket_incidents import BucketIncidents
from webhook_gateway.services.intake import Intake
from webhook_gateway.services.keys import KeyService, S3KeyService
from webhook_gateway.services.load_actions import Actions
from webhook_gateway.services.load_numbers import LoadNumberCheck
from webhook_gateway.services.load_queries import Status
from webhook_gateway.services.refusal import RequestRefused
from webhook_gateway.services.reports import RejectionReports
from webhook_gateway.services.self_test import SelfTest

HANDLED_ERRORS = (HTTPException, OutageProblem, RequestRefused, RequestProblem)
"""Exceptions with a response of their own; any other one is an incident."""


COMPARE_AGAIN_SECONDS = 30
MAX_COMPARE_AGAIN_SECONDS = 600
"""Waits before comparing load numbers again with a warehouse that was unavailable at the start."""

logger = logging.getLogger(__name__)


def now_utc() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def app_from_environment() -> Starlette:
    """Create the gateway with the settings from the environment, for `uvicorn --factory`."""
    return open_app(Settings())


def open_app(settings: Settings) -> Starlette:
    """Create a gateway with the adapters that the settings name; raises SetupProblem.

    Only a ledger in SQLite is opened here, to make or upgrade its tables; /readyz shows whether
    ledger and buckets are reachable. A broken field map only affects its own feed.
    """
    schemas = read_schemas(settings)
    for broken in schemas.catalog.broken.values():
        logger.error("field map of %s broken: %s", broken.feed, "; ".join(broken.faults))
    try:
        save_field_maps(settings, schemas.good)
        remove_retired_field_maps(settings, schemas)
    except FieldMapsNotSaved as problem:
        logger.warning("%s: %s", problem.code, problem)
    ledger = Ledger.open(settings.ledger)
    if ledger.database.path is not None:  # a gateway that is started first, without `alumniq up`
        ledger.migrate()
    return create_app(
        settings,
        ledger=ledger,
        buckets=open_buckets(settings),
        catalog=schemas.catalog,
    )


def create_app(
    settings: Settings,
    *,
    ledger: Ledger,
    buckets: Buckets,
    catalog: Catalog,
    clock: Callable[[], datetime] = now_utc,
) -> Starlette:
    """Create a gateway; raises UnusableNetwork. The ledger is closed when the gateway stops."""
    authenticator = Authenticator(ledger, RateLimit(settings.calls_per_minute))
    status = Status(ledger, catalog)
    intake = Intake(
        ledger=ledger,
        buckets=buckets,
        status=status,
        callbacks=AddressPolicy.of(settings.callback_allowed_networks),
        incidents=BucketIncidents(ledger, clock),
    )
    webhook = Webhook(
        authenticator=authenticator,
        intake=intake,
        clock=clock,
        max_body_bytes=settings.max_body_bytes,
    )
    key_service = KeyService(ledger, staff_of(settings))
    reports = RejectionReports(status, lambda: open_archive(settings))
    endpoints = Endpoints(
        authenticator=authenticator,
        status=status,
        actions=Actions(ledger, status, settings.gateway_url),
        keys=key_service,
        s3_keys=S3KeyService(ledger, lambda: open_cipher(settings)),
        reports=reports,
        self_test=SelfTest(intake),
        read_options=webhook.options,
        clock=clock,
    )
    metrics = MetricsEndpoint.of(
        ledger, clock, settings.metrics_allowed_networks, catalog, settings.home
    )
    health = Health(ledger, buckets, catalog)
    app = Starlette(
        routes=[
            # Both forms are routes: a redirect would turn the POST into a GET.
            Route(PATH, webhook.post, methods=["POST"]),
            Route(f"{PATH}/", webhook.post, methods=["POST"]),
            *api_routes(endpoints, settings.gateway_url),
            Route("/livez", health.live),
            Route("/readyz", health.ready),
            Route("/metrics", metrics.show),
            *page_routes(settings, authenticator, status, key_service, reports, buckets, clock),
        ],
        middleware=_middleware(metrics.request_metrics, settings),
        exception_handlers=dict.fromkeys(HANDLED_ERRORS, handle_error),
        lifespan=_lifespan(ledger, partial(highest_version_number, settings)),
    )
    app.router.redirect_slashes, app.state.stop_waiting = False, webhook.stop_waiting
    return app


def _middleware(request_metrics: RequestMetrics, settings: Settings) -> list[Middleware]:
    """Return what every request passes, the outermost first."""
    addresses = RateLimit(settings.address_calls_per_minute)
    return [
        *([Middleware(TraceMiddleware, prefix=PREFIX)] if is_tracing() else ()),
        Middleware(RequestMiddleware, request_metrics=request_metrics, limit=addresses),
        Middleware(Compression),
    ]


def _lifespan(
    ledger: Ledger, highest_number: Callable[[], int]
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Return a lifespan that compares load numbers before the first call, and closes the ledger."""
    numbers = LoadNumberCheck(ledger=ledger, highest_number=highest_number)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        is_done = await run_in_threadpool(numbers.is_done)
        comparing = None if is_done else asyncio.create_task(_compare_until_done(numbers))
        yield
        if comparing is not None:
            comparing.cancel()
        await run_in_threadpool(flush_spans)
        ledger.close()

    return lifespan


async def _compare_until_done(numbers: LoadNumberCheck) -> None:
    """Compare load numbers once ledger and warehouse are available; meanwhile the gateway works."""
    seconds, is_done = COMPARE_AGAIN_SECONDS, False
    while not is_done:
        await asyncio.sleep(seconds)
        is_done = await run_in_threadpool(numbers.is_done)
        seconds = min(2 * seconds, MAX_COMPARE_AGAIN_SECONDS)
