"""One storm from start to tally."""

import random
import time
from pathlib import Path

from tests.chaos.reckoning import Tally, reckon
from tests.chaos.storm import Storm
from tests.chaos.system import running_system
from tests.servers.receiver import serve


def run_chaos(
    folder: Path, seconds: float, seed: int, *, calm_seconds: float = 600, ledger_url: str = ""
) -> Tally:
    """Run a system through a storm, let it come to rest, reckon and stop it."""
    with serve() as receiver, running_system(folder, receiver, ledger_url) as system:
        storm = Storm(system, random.Random(seed))
        storm.rage(seconds)
        storm.calm_down(calm_seconds)
        tally = reckon(storm)
        system.stop()
        until = time.monotonic() + 20
        while not system.is_deserted() and time.monotonic() < until:
            time.sleep(0.1)
        if not system.is_deserted():
            tally.breach("left", "processes outlived the system")
    return tally
