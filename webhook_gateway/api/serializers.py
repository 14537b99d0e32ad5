"""From what the use cases know to what the API answers."""

from datetime import datetime

from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.loads import check_result
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.outcome import AttemptRecord
from alumniq_pipelines.core.notifications.notification import NotificationState
from webhook_gateway.api import models
from webhook_gateway.services import load_queries

BASE = "/api/v1"


def job(known: load_queries.Job) -> models.Job:
    """Tell of a job."""
    field_map = known.field_map
    links = f"{BASE}/jobs/{known.name}/field-map"
    return models.Job(
        job=known.name,
        title=field_map.title,
        description=field_map.description,
        webhook=f"{BASE}/index.cfm/webhook/{known.name}",
        field_map=models.FieldMapLinks(
            json_=f"{links}.json", html=f"{links}.html", csv=f"{links}.csv"
        ),
        last_load=None if known.last_load is None else load(known.last_load, known.name),
        next_expected_at=known.next_expected_at,
    )


def load(known: Load, job_name: str) -> models.LoadSummary:
    """Tell of a load, in short."""
    return models.LoadSummary(
        job_id=known.job_id,
        job=job_name,
        filename=known.request.filename,
        state=known.state,
        dry_run=known.request.dry_run,
        accepted_at=known.accepted_at,
        started_at=known.started_at,
        ended_at=known.ended_at,
        rows=_counts(known.counts),
        errors=known.errors,
    )


def load_detail(known: load_queries.LoadDetail) -> models.LoadDetail:
    """Tell of a load whole."""
    return models.LoadDetail(
        **dict(load(known.load, known.job)),
        size_bytes=known.load.request.size_bytes,
        queue_position=known.queue_position,
        changes=_changes(known.load.changes),
        remarks=tuple(_remark(remark) for remark in known.load.remarks),
        attempts=tuple(_attempt(attempt) for attempt in known.attempts),
        notifications=tuple(_notification(notification) for notification in known.notifications),
    )


def key(known: ApiKey, jobs: tuple[str, ...] | None, now: datetime) -> models.KeySummary:
    """Tell of a key, never more of it than its first characters."""
    return models.KeySummary(
        prefix=known.prefix,
        live=known.is_live(now),
        created_at=known.created_at,
        expires_at=known.expires_at,
        days_remaining=known.days_remaining(now),
        last_used_at=known.last_used_at,
        jobs=jobs,
    )


def _counts(counts: check_result.Counts | None) -> models.Counts | None:
    if counts is None:
        return None
    return models.Counts(
        read=counts.rows_read, accepted=counts.rows_accepted, rejected=counts.rows_rejected
    )


def _changes(changes: Changes | None) -> models.Changes | None:
    if changes is None:
        return None
    return models.Changes(
        added=changes.added,
        changed=changes.changed,
        removed=changes.removed,
        unchanged=changes.unchanged,
    )


def _remark(known: check_result.Cause) -> models.Remark:
    return models.Remark(
        severity="warning" if known.severity == "warning" else "note",
        code=known.code,
        column=known.column,
        message=known.message,
        advice=known.advice,
        rows=known.count or None,
        first_line=known.first_line or None,
    )


def _attempt(known: AttemptRecord) -> models.Attempt:
    return models.Attempt(
        number=known.number,
        started_at=known.started_at,
        ended_at=known.ended_at,
        result=known.result,
        errors=known.errors,
    )


def _notification(known: load_queries.NotificationHistory) -> models.Notification:
    notification = known.notification
    is_pending = notification.state is NotificationState.PENDING
    return models.Notification(
        id=notification.id,
        channel=notification.notice.channel,
        destination=notification.notice.destination,
        state=notification.state,
        next_attempt_at=notification.next_attempt_at if is_pending else None,
        attempts=tuple(
            models.DeliveryAttempt(at=at, delivered=result.delivered, detail=result.detail)
            for at, result in known.delivery_attempts
        ),
    )
