"""How soon a thousand receivers are notified when a tenth never respond and a tenth fail.

`python -m benchmarks.notifications`; the promise is that the healthy 80 % are
notified in under 30 seconds.
"""

import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.services.delivery import deliver_due
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_notifiers
from tests.servers import receiver as behaviour
from tests.servers.receiver import serve

PATHS = ("/slow", "/failing", *["/healthy"] * 8)
RECEIVERS = 1_000
BUDGET_SECONDS = 30.0


def _now() -> datetime:
    return datetime.now(UTC)


def _enqueue(ledger: Ledger, url: str) -> None:
    target = Target("iqu", Environment.QA, "warehouse")
    request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1, notify_webhook=url)
    load, failed = ledger.loads.accept(request, _now()), Outcome(LoadState.FAILED, ("Error",))
    ledger.loads.end(load.job_id, failed, notices_for(load, failed), _now())


def measure(folder: Path) -> tuple[int, float]:
    """Notify them all once; return how many were reached, and seconds until the last one."""
    settings = Settings(data_dir=folder, callback_allowed_networks=("127.0.0.0/8",))
    with serve() as receiver, closing(Ledger.open(settings.ledger)) as ledger:
        ledger.migrate()
        ledger.customers.add(Customer("iqu", "IQ University", "iqu"), _now())
        receiver.by_path["/slow"] = behaviour.never_answer
        receiver.by_path["/failing"] = behaviour.status(500)
        for number in range(RECEIVERS):
            _enqueue(ledger, receiver.url + PATHS[number % len(PATHS)])
        begun = time.time()
        summary = deliver_due(ledger.notifications, open_notifiers(settings, ledger), _now)
        healthy = [request.headers for request in receiver.received if request.path == "/healthy"]
        return summary.delivered, max(
            int(headers["webhook-timestamp"]) for headers in healthy
        ) - begun


def main() -> int:
    """Measure once and print one line; exit with 1 if the budget is exceeded."""
    with tempfile.TemporaryDirectory() as folder:
        delivered, seconds = measure(Path(folder))
    sys.stdout.write(
        f"{delivered} of {RECEIVERS} notified, the last after {seconds:.0f} s "
        f"(budget {BUDGET_SECONDS:.0f} s)\n"
    )
    return 0 if delivered == RECEIVERS * 8 // 10 and seconds < BUDGET_SECONDS else 1


if __name__ == "__main__":
    with private_umask():
        sys.exit(main())
