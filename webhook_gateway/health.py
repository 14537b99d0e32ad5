"""Signs of life: /livez says that the process answers, /readyz that it can accept loads."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.bucket import Buckets
from alumniq_pipelines.core.problems.problem import Problem


@dataclass(frozen=True, slots=True)
class Health:
    """The two endpoints; field maps are not asked after, because no process starts without them."""

    ledger: Ledger
    buckets: Buckets

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
            "checks": {name: fault or "ok" for name, fault in checks.items()},
        }
        return JSONResponse(body | ({"errors": faults} if faults else {}), 503 if faults else 200)


def _fault(ping: Callable[[], None]) -> str:
    try:
        ping()
    except Problem as problem:
        return str(problem)
    return ""
