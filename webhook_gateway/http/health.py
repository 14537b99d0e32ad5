"""Signs of life: /livez says that the process answers, /readyz that it can accept loads."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.problems.problem import Problem


@dataclass(frozen=True, slots=True)
class Health:
    """The two endpoints. A broken field map is shown, and makes nothing unready but its feed."""

    ledger: Ledger
    buckets: Buckets
    catalog: Catalog

    async def live(self, request: Request) -> Response:
        """Answer, which is all that is asked."""
        del request
        return JSONResponse({"live": True})

    async def ready(self, request: Request) -> Response:
        """Answer 200 when every part that a call needs is there, else 503 and what is not."""
        del request
        checks = {
            "ledger": await run_in_threadpool(_fault, self.ledger.ping),
            "buckets": await run_in_threadpool(_fault, self.buckets.ping),
        }
        faults = [fault for fault in checks.values() if fault]
        body: dict[str, object] = {
            "ready": not faults,
            "checks": {name: fault or "ok" for name, fault in checks.items()}
            | {"field_maps": self._field_maps()},
        }
        return JSONResponse(body | ({"errors": faults} if faults else {}), 503 if faults else 200)

    def _field_maps(self) -> str:
        """Name the feeds whose field map is broken; what is wrong with it is for staff."""
        disabled = self.catalog.disabled
        last_good = [feed for feed in self.catalog.broken if feed not in disabled]
        states = (("disabled", disabled), ("last good field map in force", last_good))
        return "; ".join(f"{what}: {', '.join(feeds)}" for what, feeds in states if feeds) or "ok"


def _fault(ping: Callable[[], None]) -> str:
    try:
        ping()
    except Problem as problem:
        return str(problem)
    return ""
