"""Health checks: /livez for the process, /readyz for whether it can accept loads."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.problems.database import DatabaseProblem
from alumniq_pipelines.core.problems.problem import Problem

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """The two endpoints. A broken field map is reported but does not make the gateway unready."""

    ledger: Ledger
    buckets: Buckets
    catalog: Catalog

    async def live(self, request: Request) -> Response:
        """Return 200: the process responds."""
        del request
        return JSONResponse({"live": True})

    async def ready(self, request: Request) -> Response:
        """Return 200 if everything that a webhook call needs is available, otherwise 503."""
        del request
        checks = {
            "ledger": await run_in_threadpool(_fault, self.ledger.ping),
            "buckets": await run_in_threadpool(_fault, self.buckets.ping),
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


def _fault(ping: Callable[[], None]) -> str:
    try:
        ping()
    except DatabaseProblem as problem:
        # Anyone may ask: the names of databases and roles are for the log.
        logger.warning("%s: %s", problem.code, problem)
        return f"{problem.title}."
    except Problem as problem:
        return str(problem)
    return ""
