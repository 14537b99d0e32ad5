"""Leases of the run workers on this machine: a file per run, locked while its process lives.

Dagster's default launcher notices a dead worker only while the code server that started it lives.
If both died, for example by a power cut, the run would stay "started" forever and block the queue
of its target.
"""

import fcntl
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from alumniq_pipelines.files.private_files import create_file, make_folder

DONE = ".done"
"""The suffix of a lease whose worker has finished: Dagster records the run's end a little later."""
DONE_SECONDS = 60.0
RETENTION_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class FileLeases:
    """Implements core's WorkerLeases for workers that all run on this machine, in a folder."""

    folder: Path

    @contextmanager
    def hold(self, run_id: str) -> Iterator[None]:
        """Hold the lease of a run while this process works on it."""
        make_folder(self.folder)
        for done in self.folder.glob(f"*{DONE}"):
            with suppress(FileNotFoundError):  # another worker deletes old leases as well
                if time.time() - done.stat().st_mtime > RETENTION_SECONDS:
                    done.unlink()
        unlocked = self.folder / f"{run_id}.new"
        lease = self.folder / run_id
        with create_file(unlocked) as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            # Renamed once locked: no reader ever sees the lease of a live process unlocked.
            unlocked.replace(lease)
            try:
                yield
            finally:
                lease.touch()
                lease.replace(self.folder / f"{run_id}{DONE}")

    def dead(self, run_ids: Collection[str]) -> Collection[str]:
        """Return the runs whose lease exists and is not locked."""
        return {run_id for run_id in run_ids if self._is_dead(run_id)}

    def missing(self, run_ids: Collection[str]) -> Collection[str]:
        """Return the runs that have no lease, or whose worker finished a minute ago."""
        return {run_id for run_id in run_ids if self._is_missing(run_id)}

    def clear(self, run_id: str) -> None:
        """Delete the lease of a dead worker."""
        (self.folder / run_id).unlink(missing_ok=True)

    def _is_dead(self, run_id: str) -> bool:
        try:
            with (self.folder / run_id).open("r+") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (FileNotFoundError, BlockingIOError, PermissionError):
            return False
        return True

    def _is_missing(self, run_id: str) -> bool:
        if (self.folder / run_id).exists():
            return False
        try:
            done_at = (self.folder / f"{run_id}{DONE}").stat().st_mtime
        except FileNotFoundError:
            return True
        return time.time() - done_at > DONE_SECONDS
