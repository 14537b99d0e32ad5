"""Holds: loads that await approval; every change is one conditional transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    insert,
    or_,
    select,
    update,
)

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.load_rows import (
    change_column,
    count_columns,
    profile_column,
    seconds_column,
    warning_column,
    warnings_of,
)
from alumniq_pipelines.adapters.ledger.load_transitions import (
    lock_load,
    receipt_columns,
    update_current_attempt,
)
from alumniq_pipelines.adapters.ledger.notifications import enqueue
from alumniq_pipelines.adapters.ledger.tables import attempts, holds, loads, versions
from alumniq_pipelines.adapters.ledger.targets import same_target
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import Decision, HeldRows, Hold
from alumniq_pipelines.core.loads.load import JobId, LoadState
from alumniq_pipelines.core.loads.load_result import NO_SECONDS, Seconds
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.version_profile import Profile
from alumniq_pipelines.core.notifications.notification import Notice

SYSTEM = "system"

# A hold's counts and warnings are stored with its load.
_LOAD_COLUMNS = (
    loads.c.rows_read,
    loads.c.rows_accepted,
    loads.c.rows_rejected,
    loads.c.remarks,
)


@dataclass(frozen=True)
class Holds:
    """The held loads, and the decisions on them."""

    database: Database
    audit: AuditTrail

    def hold(
        self,
        hold: Hold,
        attempt: int,
        receipt: Receipt | None,
        notices: Sequence[Notice],
        *,
        profile: Profile | None = None,
        seconds: Seconds = NO_SECONDS,
    ) -> bool:
        """Move a load from RUNNING to HELD, close the attempt and enqueue the notices.

        All of it in one transaction: a load is held with everything that publishing it later needs,
        or not at all. Return False, with nothing written, if the attempt is over.
        """
        columns = {
            **count_columns(hold.counts),
            **change_column(hold.changes),
            **warning_column(hold.warnings),
        }
        closed = update_current_attempt(hold.job_id, attempt).values(
            result=AttemptResult.HELD,
            ended_at=hold.held_at,
            **columns,
            **receipt_columns(receipt),
            **profile_column(profile),
            **seconds_column(seconds),
        )
        with self.database.writing() as connection:
            lock_load(connection, hold.job_id)
            if connection.execute(closed).rowcount == 0:
                return False
            # Nobody else can have moved the load: the attempt was the current one.
            _transition(connection, hold.job_id, LoadState.RUNNING, LoadState.HELD, **columns)
            connection.execute(insert(holds).values(_row_of(hold)))
            enqueue(
                connection, f"msg_{hold.job_id}-held", notices, hold.held_at, job_id=hold.job_id
            )
        return True

    def approve(self, job_id: JobId, actor: str, reason: str, now: datetime) -> bool:
        """Move a load from HELD to QUEUED, for a run to publish it; False if it is not held."""
        with self.database.writing() as connection:
            if not _transition(
                connection,
                job_id,
                LoadState.HELD,
                LoadState.QUEUED,
                requested_at=None,
                launch=loads.c.launch + 1,
            ):
                return False
            self._decide(connection, job_id, Decision.APPROVED, actor, reason, now)
        return True

    def end(
        self,
        job_id: JobId,
        decision: Decision,
        outcome: Outcome,
        notices: Sequence[Notice],
        now: datetime,
        *,
        actor: str = SYSTEM,
        reason: str = "",
    ) -> bool:
        """Move a load from HELD to FAILED with its notifications; False if it is not held."""
        columns = {"errors": list(outcome.errors), **count_columns(outcome.counts)}
        columns |= {**change_column(outcome.changes), **warning_column(outcome.warnings)}
        with self.database.writing() as connection:
            if not _transition(
                connection, job_id, LoadState.HELD, LoadState.FAILED, ended_at=now, **columns
            ):
                return False
            self._decide(connection, job_id, decision, actor, reason, now)
            enqueue(connection, f"msg_{job_id}", notices, now, job_id=job_id)
        return True

    def get(self, job_id: JobId) -> Hold | None:
        """Return the hold of a load, decided or not."""
        found = self._many(holds.c.job_id == job_id)
        return found[0] if found else None

    def undecided(self) -> Sequence[Hold]:
        """Return the undecided holds, oldest first."""
        return self._many(loads.c.state == LoadState.HELD)

    def due(self, now: datetime) -> Sequence[Hold]:
        """Return the undecided holds that have expired or come too late, oldest first."""
        # Only these are read as a whole: each has a field map, which takes milliseconds to read.
        condition = or_(holds.c.expires_at <= now, _is_too_late())
        return self._many(and_(loads.c.state == LoadState.HELD, condition))

    def _many(self, condition: ColumnElement[bool]) -> Sequence[Hold]:
        query = (
            select(holds, *_LOAD_COLUMNS)
            .join(loads)
            .where(condition)
            .order_by(holds.c.held_at, holds.c.job_id)
        )
        with self.database.reading() as connection:
            return [_hold(row) for row in connection.execute(query).mappings()]

    def _decide(
        self,
        connection: Connection,
        job_id: JobId,
        decision: Decision,
        actor: str,
        reason: str,
        now: datetime,
    ) -> None:
        decided = {"decision": decision, "actor": actor, "reason": reason, "decided_at": now}
        connection.execute(update(holds).where(holds.c.job_id == job_id).values(decided))
        self.audit.add(
            actor,
            f"held load {decision}",
            job_id,
            now,
            detail={"reason": reason} if reason else None,
            connection=connection,
        )


def _is_too_late() -> ColumnElement[bool]:
    """Return the condition that a load accepted later is live, or found its file live."""
    later = loads.alias("later")
    newer_version = select(versions.c.number).where(
        same_target(versions, loads),
        versions.c.number > loads.c.number,
    )
    unchanged_later = (
        select(later.c.number)
        .join(attempts, attempts.c.job_id == later.c.job_id)
        .where(
            same_target(later, loads),
            later.c.number > loads.c.number,
            attempts.c.result == AttemptResult.UNCHANGED,
        )
    )
    return or_(newer_version.correlate(loads).exists(), unchanged_later.correlate(loads).exists())


def _transition(
    connection: Connection, job_id: JobId, start: LoadState, end: LoadState, **values: object
) -> bool:
    statement = (
        update(loads)
        .where(loads.c.job_id == job_id, loads.c.state == start)
        .values(state=end, **values)
    )
    return connection.execute(statement).rowcount == 1


def _row_of(hold: Hold) -> dict[str, object]:
    held = hold.held
    return {
        "job_id": hold.job_id,
        "digest": held.digest,
        "field_map": held.field_map.model_dump(mode="json", by_alias=True),
        "table_name": held.table,
        "columns": list(held.columns),
        "rows": held.rows,
        "sha256": held.sha256,
        "etag": held.etag,
        "changes": hold.changes.to_json(),
        "reasons": list(hold.reasons),
        "held_at": hold.held_at,
        "expires_at": hold.expires_at,
    }


def _hold(row: RowMapping) -> Hold:
    held = HeldRows(
        digest=row["digest"],
        field_map=FieldMap.model_validate(row["field_map"]),
        table=row["table_name"],
        columns=tuple(row["columns"]),
        rows=row["rows"],
        sha256=row["sha256"],
        etag=row["etag"],
    )
    return Hold(
        job_id=JobId(row["job_id"]),
        held=held,
        counts=Counts(row["rows_read"], row["rows_accepted"], row["rows_rejected"]),
        changes=Changes.from_json(row["changes"]),
        reasons=tuple(row["reasons"]),
        held_at=row["held_at"],
        expires_at=row["expires_at"],
        decision=row["decision"],
        decided_at=row["decided_at"],
        actor=row["actor"],
        reason=row["reason"],
        warnings=warnings_of(row),
    )
