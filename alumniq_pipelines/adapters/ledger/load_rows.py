"""Converting loads and attempts to rows and back; statements are elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping

from alumniq_pipelines.adapters.ledger.targets import target_of, target_values
from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest
from alumniq_pipelines.core.loads.outcome import AttemptRecord, CheckRecord
from alumniq_pipelines.core.loads.version_profile import Profile

INSERT_COLUMNS = (
    "job_id",
    "customer",
    "environment",
    "feed",
    "filename",
    "etag",
    "size_bytes",
    "notify_email",
    "notify_webhook",
    "origin",
    "state",
    "attempts",
    "accepted_at",
    "errors",
    "dry_run",
    "idempotency_key",
    "repeats",
    "next_attempt_at",
    "trace_context",
)
"""The columns of a load that are known when it is accepted."""


def row_of(load: Load) -> dict[str, Any]:
    """Return the INSERT_COLUMNS of a load; its number comes from the database."""
    request = load.request
    return {
        "job_id": request.job_id,
        **target_values(request.target),
        "filename": request.filename,
        "etag": request.etag,
        "size_bytes": request.size_bytes,
        "notify_email": request.notify_email,
        "notify_webhook": request.notify_webhook,
        "origin": request.origin,
        "state": load.state,
        "attempts": load.attempts,
        "accepted_at": load.accepted_at,
        "errors": [],
        "dry_run": request.dry_run,
        "idempotency_key": request.idempotency_key,
        "repeats": request.repeats,
        "next_attempt_at": load.next_attempt_at,
        "trace_context": request.trace_context,
    }


def load_of(row: RowMapping) -> Load:
    """Return the load in a row of `loads`."""
    return Load(
        number=row["number"],
        request=LoadRequest(
            job_id=JobId(row["job_id"]),
            target=target_of(row),
            filename=row["filename"],
            etag=row["etag"],
            size_bytes=row["size_bytes"],
            notify_email=row["notify_email"],
            notify_webhook=row["notify_webhook"],
            origin=row["origin"],
            repeats=row["repeats"],
            dry_run=row["dry_run"],
            idempotency_key=row["idempotency_key"],
            trace_context=row["trace_context"],
        ),
        state=row["state"],
        attempts=row["attempts"],
        accepted_at=row["accepted_at"],
        requested_at=row["requested_at"],
        run_id=row["run_id"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        errors=tuple(row["errors"]),
        counts=_counts(row),
        changes=_changes(row),
        warnings=warnings_of(row),
        launch=row["launch"],
        failed_launches=row["failed_launches"],
        next_attempt_at=row["next_attempt_at"],
    )


def attempt_of(row: RowMapping) -> AttemptRecord:
    """Return the attempt in a row of `attempts`."""
    return AttemptRecord(
        number=row["number"],
        run_id=row["run_id"],
        result=row["result"],
        errors=tuple(row["errors"]),
        counts=_counts(row),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        sha256=row["sha256"],
        etag=row["etag"],
        changes=_changes(row),
        warnings=warnings_of(row),
        causes=_causes(row["causes"]),
        publishing_at=row["publishing_at"],
    )


def check_columns(check: CheckRecord) -> dict[str, Any]:
    """Return the columns of `attempts` for the result of checking a file."""
    return {
        **count_columns(check.counts),
        **change_column(check.changes),
        **warning_column(check.warnings),
        "causes": [asdict(cause) for cause in check.causes] or None,
        **profile_column(check.profile),
        **seconds_column(check.seconds),
    }


def profile_column(profile: Profile | None) -> dict[str, Any]:
    """Return the column of `attempts` for a profile; none without one, so that a record stays."""
    return {} if profile is None else {"profile": profile.to_json()}


def seconds_column(seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the column of `attempts` for the duration of steps; none without any."""
    return {"seconds": dict(seconds)} if seconds else {}


def count_columns(counts: Counts | None) -> dict[str, int | None]:
    """Return the columns of counts, in both tables."""
    if counts is None:
        return dict.fromkeys(("rows_read", "rows_accepted", "rows_rejected"))
    return asdict(counts)


def _counts(row: RowMapping) -> Counts | None:
    if row["rows_read"] is None:
        return None
    return Counts(row["rows_read"], row["rows_accepted"], row["rows_rejected"])


def change_column(changes: Changes | None) -> dict[str, Any]:
    """Return the column of changes, in both tables."""
    return {"changes": changes.to_json() if changes else None}


def _changes(row: RowMapping) -> Changes | None:
    return None if row["changes"] is None else Changes.from_json(row["changes"])


def warning_column(warnings: Sequence[Cause]) -> dict[str, Any]:
    """Return the column of warnings and notes, in both tables."""
    return {"remarks": [asdict(warning) for warning in warnings] or None}


def warnings_of(row: RowMapping) -> tuple[Cause, ...]:
    """Return the warnings and notes in a row of either table."""
    return _causes(row["remarks"])


def _causes(stored: Sequence[dict[str, Any]] | None) -> tuple[Cause, ...]:
    return tuple(Cause(**cause) for cause in stored or ())
