"""Health checks: /livez for the process, /readyz for whether it can accept loads."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.problems.database import DatabaseProblem
from alumniq_pipelines.core.problems.outage import BucketUnavailable, LedgerUnavailable
from alumniq_pipelines.core.problems.problem import Problem
from webhook_gateway.http.batch_executor import BatchExecutor

READY_SECONDS = 5.0
"""How long a part may take to respond; a store that hangs would keep a probe for 24 s."""

Ping = Callable[[], None]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """The two endpoints. A broken field map is reported but does not make the gateway unready."""

    ledger: Ledger
    buckets: Buckets
    catalog: Catalog
    _executor: BatchExecutor[Ping, str] = field(
        default_factory=lambda: BatchExecutor(
            _faults, max_batch_size=1, max_seconds=READY_SECONDS, give_up=_time_out
        ),
        init=False,
        repr=False,
    )

    async def live(self, request: Request) -> Response:
        """Return 200: the process responds."""
        del request
        return JSONResponse({"live": True})

    async def ready(self, request: Request) -> Response:
        """Return 200 if everything that a webhook call needs is available, otherwise 503."""
        del request
        checks = {
            "ledger": await self._fault(self.ledger.ping, LedgerUnavailable),
            "buckets": await self._fault(self.buckets.ping, BucketUnavailable),
        }
        faults = [fault for fault in checks.values() if fault]
        # Only the names of the feeds: what is wrong with a field map is for staff.
        disabled = self.catalog.disabled
        last_good = [feed for feed in self.catalog.broken if feed not in disabled]
        states = (("disabled", disabled), ("last good field map in force", last_good))
        field_maps = "; ".join(f"{state}: {', '.join(feeds)}" for state, feeds in states if feeds)
        body: dict[str, object] = {
            "ready": not faults,
            "checks": {name: fault or "ok" for name, fault in checks.items()}
            | {"field_maps": field_maps or "ok"},
        }
        return JSONResponse(body | ({"errors": faults} if faults else {}), 503 if faults else 200)

    async def _fault(self, ping: Ping, unavailable: Callable[[str], Problem]) -> str:
        """Return what is wrong with a part; empty if it responds in time."""
        try:
            return await self._executor.run(ping)
        except TimeoutError:
            return str(unavailable(f"no response within {READY_SECONDS:g} seconds"))


def _faults(pings: Iterator[Ping]) -> list[str | Exception]:
    return [_fault(ping) for ping in pings]


def _fault(ping: Ping) -> str:
    try:
        ping()
    except DatabaseProblem as problem:
        # Anyone may ask: the names of databases and roles are for the log.
        logger.warning("%s: %s", problem.code, problem)
        return f"{problem.title}."
    except Problem as problem:
        return str(problem)
    return ""


def _time_out(ping: Ping) -> TimeoutError:
    del ping
    return TimeoutError()
