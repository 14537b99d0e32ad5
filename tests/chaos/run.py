"""One storm, from the start to its summary."""

import random
import time
from pathlib import Path

from tests.chaos.storm import Storm
from tests.chaos.system import running_system
from tests.chaos.verification import ChaosSummary, verify_promises
from tests.servers.receiver import serve


def run_chaos(
    folder: Path, seconds: float, seed: int, *, calm_seconds: float = 600, ledger_url: str = ""
) -> ChaosSummary:
    """Run a system through a storm, wait until it is idle, verify the promises and stop it."""
    with serve() as receiver, running_system(folder, receiver, ledger_url) as system:
        storm = Storm(system, random.Random(seed))
        storm.run_for(seconds)
        storm.wait_until_idle(calm_seconds)
        summary = verify_promises(storm)
        system.stop()
        until = time.monotonic() + 20
        while not system.has_exited() and time.monotonic() < until:
            time.sleep(0.1)
        if not system.has_exited():
            summary.breach("left", "processes outlived the system")
    return summary
