"""Attempts at loads; every write of an attempt is conditional on its fencing token.

`load_transitions` says what the token is. A method that finds it gone returns False or None, with
nothing written.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Update, func, insert, or_, select, update

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.load_ending import end_in_transaction, ending
from alumniq_pipelines.adapters.ledger.load_rows import attempt_of, check_columns
from alumniq_pipelines.adapters.ledger.load_transitions import (
    close_open_attempt,
    has_publishing_attempt,
    is_first_in_line,
    lock_line,
    lock_load,
    receipt_columns,
    update_current_attempt,
)
from alumniq_pipelines.adapters.ledger.tables import attempts, loads
from alumniq_pipelines.adapters.ledger.versions import insert_version
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.load import OUTSTANDING_STATES, JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, CheckRecord, Outcome
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.notifications.notification import Notice

# Profiles are read for baselines only, and may be long; durations are for metrics.
_NOT_RECORDED = {attempts.c.profile, attempts.c.seconds}
_RECORD = [column for column in attempts.c if column not in _NOT_RECORDED]


@dataclass(frozen=True)
class Attempts:
    """The attempts at all loads."""

    database: Database

    def begin(
        self, load: Load, run_id: str, now: datetime, *, launch: int = 0
    ) -> AttemptRecord | None:
        """Open the next attempt and move the load to RUNNING; close an attempt left open as LOST.

        Return None unless a run of this launch is what the load waits for. A load that is still
        QUEUED begins only if it is the first in the line of its table. Nothing begins while an
        earlier attempt may be publishing: revoke that one first. `now` may be from before others
        that this call had to wait for, but an attempt never begins before the one before it.
        """
        job_id = load.job_id
        newest = select(func.max(attempts.c.started_at)).where(attempts.c.job_id == job_id)
        may_begin = or_(
            loads.c.state.in_(sorted(OUTSTANDING_STATES)),
            (loads.c.state == LoadState.QUEUED) & is_first_in_line(),
        )
        conditions = (
            loads.c.job_id == job_id,
            loads.c.launch == launch,
            may_begin,
            ~has_publishing_attempt(job_id),
        )
        with self.database.writing() as connection:
            lock_line(connection, load.target)
            lock_load(connection, job_id)
            now = max(now, connection.scalar(newest) or now)
            statement = update(loads).where(*conditions).returning(loads.c.attempts)
            number = connection.scalar(
                statement.values(
                    state=LoadState.RUNNING,
                    attempts=loads.c.attempts + 1,
                    run_id=run_id,
                    started_at=func.coalesce(loads.c.started_at, now),
                    failed_launches=0,
                    next_attempt_at=None,
                )
            )
            if number is None:
                return None
            connection.execute(close_open_attempt(job_id, AttemptResult.LOST, now))
            opened = {"number": number, "run_id": run_id, "started_at": now, "errors": []}
            connection.execute(insert(attempts).values(job_id=job_id, **opened))
        return AttemptRecord(number, run_id, started_at=now.astimezone(UTC))

    def claim_publication(
        self,
        job_id: JobId,
        number: int,
        check: CheckRecord,
        receipt: Receipt | None,
        now: datetime,
    ) -> bool:
        """Record the result of checking the file, directly before the pointer moves.

        From then on the load cannot be canceled, and nobody may close the attempt without revoking
        its publication. False if the attempt may not publish.
        """
        claimed = update_current_attempt(job_id, number).values(
            publishing_at=now, **check_columns(check), **receipt_columns(receipt)
        )
        return self._changes_one(job_id, claimed)

    def complete(  # noqa: PLR0913 - all that an attempt may have found, by name
        self,
        job_id: JobId,
        number: int,
        result: AttemptResult,
        outcome: Outcome,
        notices: Sequence[Notice],
        now: datetime,
        *,
        errors: Sequence[str] = (),
        check: CheckRecord | None = None,
        receipt: Receipt | None = None,
        version: Version | None = None,
    ) -> bool:
        """Close an attempt and end its load, with its version and notices, in one transaction.

        Without `check` or `receipt`, earlier records of them stay. False if the attempt is over.
        """
        closed = _closed(job_id, number, result, now, errors, check, receipt)
        with self.database.writing() as connection:
            lock_load(connection, job_id)
            if connection.execute(closed).rowcount == 0:
                return False
            if version is not None:
                connection.execute(insert_version(self.database, version, now))
            # Nobody else can have ended the load: the attempt was the current one.
            end_in_transaction(connection, ending(job_id, outcome, now), job_id, notices, now)
        return True

    def end(
        self,
        job_id: JobId,
        number: int,
        result: AttemptResult,
        now: datetime,
        *,
        errors: Sequence[str] = (),
        check: CheckRecord | None = None,
        receipt: Receipt | None = None,
        next_attempt_at: datetime | None = None,
    ) -> bool:
        """Close an attempt that does not end its load; False if the attempt is over.

        Another one follows, due at `next_attempt_at`.
        """
        closed = _closed(job_id, number, result, now, errors, check, receipt)
        waiting = update(loads).where(loads.c.job_id == job_id)
        with self.database.writing() as connection:
            lock_load(connection, job_id)
            if connection.execute(closed).rowcount == 0:
                return False
            connection.execute(waiting.values(next_attempt_at=next_attempt_at))
        return True

    def close_lost(
        self,
        job_id: JobId,
        number: int,
        now: datetime,
        result: AttemptResult = AttemptResult.LOST,
        *,
        is_revoked: bool = False,
    ) -> bool:
        """Close an open attempt whose worker will not report a result; False if it is closed.

        One that may be publishing is closed only if its publication `is_revoked` and has not taken
        place.
        """
        closed = close_open_attempt(job_id, result, now).where(attempts.c.number == number)
        if is_revoked:
            closed = closed.values(publishing_at=None)
        else:
            closed = closed.where(attempts.c.publishing_at.is_(None))
        return self._changes_one(job_id, closed)

    def mark_published(self, job_id: JobId, number: int, version: Version, now: datetime) -> None:
        """Record that an attempt published, though it was interrupted or failed after that."""
        interrupted = (AttemptResult.LOST, AttemptResult.OUTAGE, AttemptResult.STOPPED)
        corrected = (
            update(attempts)
            .where(
                attempts.c.job_id == job_id,
                attempts.c.number == number,
                or_(attempts.c.result.is_(None), attempts.c.result.in_(interrupted)),
            )
            .values(
                result=AttemptResult.PUBLISHED,
                errors=[],
                ended_at=func.coalesce(attempts.c.ended_at, now),
            )
        )
        with self.database.writing() as connection:
            lock_load(connection, job_id)
            connection.execute(corrected)
            connection.execute(insert_version(self.database, version, now))

    def of(self, job_id: JobId) -> Sequence[AttemptRecord]:
        """Return the attempts at a load, oldest first."""
        return self.of_each([job_id])[job_id]

    def of_each(self, job_ids: Collection[JobId]) -> Mapping[JobId, Sequence[AttemptRecord]]:
        """Return the attempts at each of these loads, oldest first, with one query."""
        query = (
            select(*_RECORD)
            .where(attempts.c.job_id.in_(job_ids))
            .order_by(attempts.c.job_id, attempts.c.number)
        )
        found: dict[JobId, list[AttemptRecord]] = defaultdict(list)
        with self.database.reading() as connection:
            for row in connection.execute(query).mappings():
                found[row["job_id"]].append(attempt_of(row))
        return {job_id: found[job_id] for job_id in job_ids}

    def files_read(self) -> set[str]:
        """Return the digests of all files that attempts have read."""
        query = select(attempts.c.sha256).where(attempts.c.sha256.is_not(None)).distinct()
        with self.database.reading() as connection:
            return set(connection.scalars(query))

    def receipt(self, job_id: JobId) -> Receipt | None:
        """Return the receipt of the file that the latest attempt at a load has read."""
        read = [attempt for attempt in self.of(job_id) if attempt.sha256 is not None]
        return Receipt(read[-1].sha256 or "", read[-1].etag) if read else None

    def _changes_one(self, job_id: JobId, statement: Update) -> bool:
        with self.database.writing() as connection:
            lock_load(connection, job_id)
            return connection.execute(statement).rowcount == 1


def _closed(
    job_id: JobId,
    number: int,
    result: AttemptResult,
    now: datetime,
    errors: Sequence[str],
    check: CheckRecord | None = None,
    receipt: Receipt | None = None,
) -> Update:
    """Return the update that closes the current attempt with what it found."""
    closed = update_current_attempt(job_id, number).values(
        result=result, ended_at=now, errors=list(errors), **receipt_columns(receipt)
    )
    if result is not AttemptResult.PUBLISHED:
        closed = closed.values(publishing_at=None)
    return closed if check is None else closed.values(check_columns(check))
