"""Loads and their attempts: every state move is a conditional UPDATE, so each happens once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from alumniq_pipelines.core.load import JobId, Load, LoadRequest, LoadState
from alumniq_pipelines.core.notification import Notice
from alumniq_pipelines.core.outcome import Attempt, AttemptResult, Outcome
from alumniq_pipelines.core.target import Target
from alumniq_pipelines.core.verdict import Counts


@dataclass(frozen=True)
class Loads:
    """All loads, and the attempts at each."""

    engine: Engine

    def accept(self, request: LoadRequest, now: datetime) -> Load:
        """Keep a load, QUEUED; it is on disk when this returns."""
        raise NotImplementedError

    def get(self, job_id: JobId) -> Load | None:
        """Look a load up."""
        raise NotImplementedError

    def by_run(self, run_id: str) -> Load | None:
        """Find the load whose latest or earlier attempt was this Dagster run's."""
        raise NotImplementedError

    def find(
        self,
        *,
        customer: str | None = None,
        target: Target | None = None,
        states: Sequence[LoadState] = (),
        most: int = 50,
    ) -> Sequence[Load]:
        """List loads, newest first; an empty `states` means all."""
        raise NotImplementedError

    def waiting(self, most: int = 500) -> Sequence[Load]:
        """List QUEUED loads in order of acceptance."""
        raise NotImplementedError

    def unfinished(self) -> Sequence[Load]:
        """List loads that are REQUESTED or RUNNING, in order of acceptance."""
        raise NotImplementedError

    def last_accepted(self, target: Target) -> Load | None:
        """Answer the newest load of a target that a webhook asked for, whatever became of it."""
        raise NotImplementedError

    def mark_requested(self, job_id: JobId, now: datetime) -> bool:
        """QUEUED → REQUESTED; False where the load had already moved on."""
        raise NotImplementedError

    def requeue(self, job_id: JobId, now: datetime) -> bool:
        """REQUESTED or RUNNING → QUEUED, closing an open attempt as LOST."""
        raise NotImplementedError

    def begin_attempt(self, job_id: JobId, run_id: str, now: datetime) -> Attempt | None:
        """Open the next attempt and move to RUNNING, closing one left open as LOST.

        None where the load has ended already.
        """
        raise NotImplementedError

    def end_attempt(
        self,
        job_id: JobId,
        number: int,
        result: AttemptResult,
        now: datetime,
        *,
        errors: Sequence[str] = (),
        counts: Counts | None = None,
    ) -> None:
        """Close an attempt; closing it again changes nothing."""
        raise NotImplementedError

    def attempts(self, job_id: JobId) -> Sequence[Attempt]:
        """List the attempts at a load, oldest first."""
        raise NotImplementedError

    def end(
        self, job_id: JobId, outcome: Outcome, notices: Sequence[Notice], now: datetime
    ) -> bool:
        """Give a load its one outcome and its notifications, in one transaction.

        False, and nothing written, where an outcome stood already.
        """
        raise NotImplementedError
