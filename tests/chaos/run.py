"""One storm, from the start to its summary."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.chaos.storm import Progress, Storm
from tests.chaos.summary import ChaosSummary
from tests.chaos.system import System, running_system
from tests.chaos.verification import verify_promises
from tests.servers.postgres import run_server
from tests.servers.receiver import serve


@dataclass(frozen=True, kw_only=True)
class Weather:
    """The length of a storm and of the calm after it, and whether processes are stopped in it."""

    seconds: float
    calm_seconds: float = 900
    with_stops: bool = True


def show_nothing(line: str) -> None:
    """Show no progress."""
    del line


def run_chaos(
    folder: Path,
    weather: Weather,
    seed: int,
    *,
    sockets: Path | None = None,
    progress: Progress = show_nothing,
) -> ChaosSummary:
    """Run a system through a storm, wait until it is idle, verify the promises and stop it.

    Its ledger, Dagster's records and its warehouse are files, or databases of a PostgreSQL server
    that is run in the folder `sockets`.
    """
    with (
        _databases(sockets) as (ledger_url, warehouse_url),
        serve() as receiver,
        running_system(
            folder, receiver, ledger_url=ledger_url, warehouse_url=warehouse_url
        ) as system,
    ):
        storm = Storm(system, Random(seed), progress, with_stops=weather.with_stops)
        storm.run_for(weather.seconds)
        storm.wait_until_idle(weather.calm_seconds)
        summary = verify_promises(storm)
        _stop(system, summary)
    return summary


@contextmanager
def _databases(sockets: Path | None) -> Iterator[tuple[str, str]]:
    """Yield the URLs of empty databases for ledger and warehouse; empty ones without a server."""
    if sockets is None:
        yield "", ""
        return
    with run_server(sockets) as server:
        yield server.url(server.create()), server.url(server.create())


def _stop(system: System, summary: ChaosSummary) -> None:
    system.stop()
    until = time.monotonic() + 20
    while not system.has_exited() and time.monotonic() < until:
        time.sleep(0.1)
    if not system.has_exited():
        summary.breach("left", "processes outlived the system")
