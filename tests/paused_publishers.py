"""Publishers in processes of their own, which are paused or killed at a chosen moment.

The moments are those at which another process could notice a difference: before publishing begins,
when the claim is made, and before each change of a file in the warehouse's folder.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import (
    AcceptedRows,
    BeforePointerMoves,
    Version,
    Warehouse,
    no_claim,
)
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.problems.run import AttemptOver
from tests.accepted_rows import accepted_rows, small_field_map

ROWS = 10
MAX_WAIT_SECONDS = 60
CHANGES = {"open", "os.rename", "os.remove", "os.symlink", "os.mkdir", "os.chmod", "os.utime"}
"""Python's audit events before the changes of files; `open` also comes before each fsync."""

Moment = Literal["start", "claim"] | int
"""When a publisher stops: a number is that of a change of a file, from 0."""
Ending = Literal["published", "over", "unavailable", "killed"]
"""How a publisher ended."""
StopAt = Callable[[Moment], None]

# Forked from a server that has imported all this but runs no threads: starting takes milliseconds.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def open_warehouse(location: str, lock_seconds: float = 60) -> Warehouse:
    """Open the warehouse in a folder, or in the database of a URL; versions are never pruned."""
    if location.startswith("postgresql"):
        return PostgresWarehouse(location, versions_kept=1_000, lock_seconds=lock_seconds)
    return DuckDBWarehouse(Path(location), versions_kept=1_000, lock_seconds=lock_seconds)


def rows_of(scratch: Path, number: int, attempt: int) -> AcceptedRows:
    """Stage rows that show the token by which they were published."""
    columns = f"i::varchar as xid, {number}::bigint as number, {attempt}::bigint as attempt"
    return accepted_rows(scratch, f"select {columns} from range({ROWS}) t(i)")


def publish(
    warehouse: Warehouse,
    scratch: Path,
    target: Target,
    number: int,
    attempt: int = 1,
    claim: BeforePointerMoves = no_claim,
) -> Version:
    """Publish the rows of a token."""
    return warehouse.publish(
        target,
        small_field_map(target.feed),
        rows_of(scratch, number, attempt),
        number=number,
        job_id=JobId(f"job-{number}"),
        now=datetime.now(UTC),
        attempt=attempt,
        before_pointer_moves=claim,
    )


def token_seen(warehouse: Warehouse, target: Target) -> tuple[int, int]:
    """Return the token whose rows readers see; fail on a mixture."""
    sql = "select distinct number, attempt, count(*) over () from members"
    _, rows = warehouse.query(target.customer, target.environment, sql)
    [(number, attempt, count)] = rows
    assert count == ROWS
    assert isinstance(number, int)
    assert isinstance(attempt, int)
    return number, attempt


@dataclass(frozen=True)
class Publisher:
    """A process that publishes, paused at its moment unless it has ended."""

    process: BaseProcess
    results: Connection

    @property
    def is_paused(self) -> bool:
        """Whether the process is stopped."""
        try:
            status = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):  # the latter if it ends meanwhile
            return False
        return status.rpartition(")")[2].split()[0] == "T"

    def wait(self) -> Ending | None:
        """Wait until the process has ended, and return how; None if it is paused."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while not self.results.poll(0.005):
            if self.is_paused:
                return None
            assert time.monotonic() < deadline, "the publisher neither ends nor stops"
        try:
            ending: Ending = self.results.recv()
        except EOFError:
            ending = "killed"
        self.process.join(MAX_WAIT_SECONDS)
        return ending

    def wake(self) -> Ending | None:
        """Let a paused process go on; return how it ended."""
        assert self.process.pid
        os.kill(self.process.pid, signal.SIGCONT)
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while self.is_paused and not self.results.poll(0.005):
            assert time.monotonic() < deadline, "the publisher does not wake up"
        return self.wait()

    def kill(self) -> None:
        """Kill the process, paused or not."""
        self.process.kill()
        self.process.join(MAX_WAIT_SECONDS)


@dataclass(frozen=True)
class Publishers:
    """Starts publishers to one warehouse."""

    location: str
    stack: ExitStack

    def start(
        self,
        target: Target,
        number: int,
        attempt: int = 1,
        *,
        moment: Moment | None = None,
        kill: bool = False,
    ) -> Publisher:
        """Start a publisher that is paused at a moment, or dies there."""
        results, end = CONTEXT.Pipe(duplex=False)
        how = signal.SIGKILL if kill else signal.SIGSTOP
        process = CONTEXT.Process(
            target=_run, args=(self.location, target, number, attempt, moment, how, end)
        )
        process.start()
        end.close()
        publisher = Publisher(process, results)
        self.stack.callback(publisher.kill)
        return publisher


@contextmanager
def publishers(location: str) -> Iterator[Publishers]:
    """Yield a way to start publishers, and kill at the end those that are left."""
    with ExitStack() as stack:
        yield Publishers(location, stack)


def _run(
    location: str,
    target: Target,
    number: int,
    attempt: int,
    moment: Moment | None,
    how: signal.Signals,
    results: Connection,
) -> None:
    """Publish, and stop at the moment."""

    def stop_at(now: Moment) -> None:
        if now == moment:
            os.kill(os.getpid(), how)

    warehouse = open_warehouse(location, lock_seconds=0.5)
    with tempfile.TemporaryDirectory() as scratch:
        rows_of(Path(scratch), 0, 0)  # imports what it needs, so that only our changes are counted
        stop_at("start")
        if isinstance(moment, int):
            _count_changes(location, stop_at)
        ending: Ending = "published"
        try:
            publish(
                warehouse, Path(scratch), target, number, attempt, claim=lambda: stop_at("claim")
            )
        except AttemptOver:
            ending = "over"
        except WarehouseUnavailable:
            ending = "unavailable"
    results.send(ending)


def _count_changes(location: str, stop_at: StopAt) -> None:
    """Call back before each change of a file below a folder, with its number."""
    count = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if event in CHANGES and any(str(path).startswith(location) for path in arguments):
            count += 1
            stop_at(count - 1)

    sys.addaudithook(hook)
