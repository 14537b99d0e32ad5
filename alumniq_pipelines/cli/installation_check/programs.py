"""Checks of the programs: gateways, Dagster's daemon, and the workers and their queue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from alumniq_pipelines.cli.installation_check.keys import has_several_hosts
from alumniq_pipelines.cli.redis_servers import unavailable_servers, worker_responds
from alumniq_pipelines.core.monitoring.duration import format_duration
from alumniq_pipelines.core.problems.operation import (
    DaemonSilent,
    GatewayNotReady,
    GatewayUnreachable,
    LaunchesFail,
    NoWorkers,
    PublicUrlMissing,
    PublicUrlUnreachable,
    QueueWaits,
    WorkersVanished,
)
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.run_queue import CELERY

if TYPE_CHECKING:
    from alumniq_pipelines.cli.installation_check.check import CheckContext
    from alumniq_pipelines.settings import Settings

RESPONSE_SECONDS = 8.0
"""A gateway answers /readyz within five seconds, whatever its stores do."""
PING_SECONDS = 3.0
MAX_SILENCE = timedelta(minutes=3)
"""The sensor records its heartbeat every half minute; one slow tick of others may delay it."""
LEASE_SILENCE = timedelta(minutes=2)
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on
"""Where to ask a gateway that listens on all addresses."""
MAX_NAMED = 5


def uses_celery(settings: "Settings") -> bool:
    """Whether runs are carried out by Celery workers."""
    return settings.launcher == CELERY


def has_public_url(settings: "Settings") -> bool:
    """Whether the gateway has a public URL, or should have one."""
    return bool(settings.public_url) or has_several_hosts(settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What a gateway answered; `fault` is why there was no answer of one."""

    fault: str = ""
    errors: Sequence[str] = ()


def find_in_gateway(context: "CheckContext") -> Iterator[Problem]:
    """Ask the gateway of this host. With several hosts, there need be none on this one."""
    settings = context.settings
    host = EVERY_ADDRESS.get(settings.gateway_host, settings.gateway_host)
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{settings.gateway_port}"
    readiness = _readiness(url)
    if readiness.fault and not has_several_hosts(settings):
        yield GatewayUnreachable(url, readiness.fault)
    if readiness.errors:
        yield GatewayNotReady(url, readiness.errors)


def find_in_public_url(context: "CheckContext") -> Iterator[Problem]:
    """Ask the gateway at the URLs that customers use, of which QA may have its own."""
    if not context.settings.public_url:
        yield PublicUrlMissing()
        return
    urls = context.settings.public_urls
    for url in dict.fromkeys((urls.production, urls.qa)):
        readiness = _readiness(url)
        if readiness.fault:
            yield PublicUrlUnreachable(url, readiness.fault)
        if readiness.errors:
            yield GatewayNotReady(url, readiness.errors)


def find_in_daemon(context: "CheckContext") -> Iterator[Problem]:
    """Look when the reconcile sensor ticked last: it does while daemon and code server work."""
    from alumniq_pipelines.adapters.ledger.sensor_ticks import RECONCILE

    last = context.ledger.ticks.last().get(RECONCILE)
    age = None if last is None else datetime.now(UTC) - last
    if age is None or age > MAX_SILENCE:
        yield DaemonSilent(None if age is None else format_duration(age))


def find_in_queue(context: "CheckContext") -> Iterator[Problem]:
    """Find loads that wait although nothing runs, and runs that do not start."""
    from alumniq_pipelines.services.monitor import FAILED_LAUNCHES, QUEUE_STUCK_AFTER
    from alumniq_pipelines.wiring import read_schemas

    health, now = context.ledger.health, datetime.now(UTC)
    before = now - QUEUE_STUCK_AFTER
    if failing := health.not_starting(FAILED_LAUNCHES):
        yield LaunchesFail([load.job_id for load in failing[:MAX_NAMED]])
        return
    backlog = health.backlog(before, read_schemas(context.settings).catalog.feeds)
    last_activity = health.last_activity()
    if backlog is None or backlog.running or (last_activity is not None and last_activity > before):
        return
    first = backlog.first
    yield QueueWaits(backlog.count, first.job_id, format_duration(now - first.accepted_at))


def find_in_redis(context: "CheckContext") -> Iterator[Problem]:
    """Connect to the workers' queue and to the store of results."""
    yield from unavailable_servers(context.settings)


def find_in_workers(context: "CheckContext") -> Iterator[Problem]:
    """Ask all workers to respond by way of the queue."""
    if not worker_responds(context.settings, PING_SECONDS):
        yield NoWorkers()


def find_in_leases(context: "CheckContext") -> Iterator[Problem]:
    """Find workers that have stopped renewing their leases."""
    from alumniq_pipelines.adapters.ledger.worker_leases import LedgerLeases

    hosts = LedgerLeases(context.ledger.database, "").vanished(LEASE_SILENCE)
    if hosts:
        yield WorkersVanished(hosts)


def _readiness(url: str) -> Readiness:
    """Ask a gateway whether it accepts loads."""
    import httpx

    try:
        response = httpx.get(f"{url}/readyz", timeout=RESPONSE_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Readiness(fault=type(error).__name__)
    try:
        answer = response.json()
        is_ready = answer["ready"]
        errors = [str(error) for error in answer.get("errors", [])]
    except (ValueError, TypeError, KeyError, AttributeError):
        return Readiness(fault=f"HTTP {response.status_code} from something else")
    return Readiness() if is_ready else Readiness(errors=errors or ["no reason given."])
