"""Leases of run workers: a worker shows that it is alive, however it may end."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol


class WorkerLeases(Protocol):
    """The leases of all workers whose runs a reconciler compares."""

    def hold(self, run_id: str) -> AbstractContextManager[None]:
        """Hold the lease of a run while this process works on it."""
        ...

    def dead(self, run_ids: Collection[str]) -> Collection[str]:
        """Return the runs, of these, whose worker has died while it held its lease."""
        ...

    def missing(self, run_ids: Collection[str]) -> Collection[str]:
        """Return the runs, of these, without a worker: none had a lease, or it ended a while ago.

        Dagster hears of the end of a run a little after its worker has given up its lease.
        """
        ...

    def clear(self, run_id: str) -> None:
        """Delete the lease of a dead worker."""
        ...
