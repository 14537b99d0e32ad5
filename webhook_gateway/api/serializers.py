"""Serialization of what the services return to the models of the API."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar, assert_never

from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.feeds.field_map import Severity
from alumniq_pipelines.core.loads.check_result import Cause
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.waiting import (
    ForApproval,
    ForNextAttempt,
    ForOtherLoads,
    ForStart,
    Waiting,
)
from alumniq_pipelines.core.notifications.notification import (
    Channel,
    DeliveryResult,
    NotificationState,
    delivery_problem,
    format_result,
)
from alumniq_pipelines.core.problems.live_data import live_sentence, without_live_sentence
from webhook_gateway.api import models
from webhook_gateway.services import load_queries

BASE = "/api/v1"

WarningOrNote = TypeVar("WarningOrNote", bound=models.LoadWarning)


def job(known: load_queries.Job) -> models.Job:
    """Serialize a job."""
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
    """Serialize a load in brief."""
    counts = known.counts
    return models.LoadSummary(
        job_id=known.job_id,
        job=job_name,
        filename=known.request.filename,
        state=known.state,
        dry_run=known.request.dry_run,
        accepted_at=known.accepted_at,
        started_at=known.started_at,
        ended_at=known.ended_at,
        rows=None
        if counts is None
        else models.Counts(
            read=counts.rows_read, accepted=counts.rows_accepted, rejected=counts.rows_rejected
        ),
        errors=_errors(known.errors),
    )


def load_detail(known: load_queries.LoadDetail) -> models.LoadDetail:
    """Serialize a load with its attempts and notifications."""
    changes = known.load.changes
    return models.LoadDetail(
        **dict(load(known.load, known.job)),
        size_bytes=known.load.request.size_bytes,
        queue_position=known.queue_position,
        waiting_for=None if known.waiting is None else _waiting_for(known.waiting),
        next_attempt_at=known.waiting.due if isinstance(known.waiting, ForNextAttempt) else None,
        hold=None
        if known.hold is None
        else models.Hold(
            held_at=known.hold.held_at,
            expires_at=known.hold.expires_at,
            reasons=known.hold.reasons,
            live=live_sentence(known.live),
        ),
        would_be_held=known.would_be_held_for,
        changes=None
        if changes is None
        else models.Changes(
            added=changes.added,
            changed=changes.changed,
            removed=changes.removed,
            unchanged=changes.unchanged,
        ),
        warnings=_of_severity("warning", models.LoadWarning, known.load.warnings),
        notes=_of_severity("note", models.LoadNote, known.load.warnings),
        attempts=tuple(
            models.Attempt(
                number=attempt.number,
                started_at=attempt.started_at,
                ended_at=attempt.ended_at,
                result=attempt.result,
                errors=_errors(attempt.errors),
            )
            for attempt in known.attempts
        ),
        notifications=tuple(_notification(history) for history in known.notifications),
    )


def key(known: ApiKey, jobs: tuple[str, ...] | None, now: datetime) -> models.KeySummary:
    """Serialize a key, of which only the first characters are shown."""
    return models.KeySummary(
        prefix=known.prefix,
        live=known.is_live(now),
        created_at=known.created_at,
        expires_at=known.expires_at,
        days_remaining=known.days_remaining(now),
        last_used_at=known.last_used_at,
        jobs=jobs,
    )


def _errors(recorded: Sequence[str]) -> tuple[str, ...]:
    return tuple(without_live_sentence(error) for error in recorded)


def _waiting_for(waiting: Waiting) -> models.WaitingFor:
    match waiting:
        case ForOtherLoads():
            return models.WaitingFor.OTHER_LOADS
        case ForStart():
            return models.WaitingFor.START
        case ForNextAttempt():
            return models.WaitingFor.NEXT_ATTEMPT
        case ForApproval():
            return models.WaitingFor.APPROVAL
    assert_never(waiting)


def _of_severity(
    severity: Severity, model: type[WarningOrNote], causes: Sequence[Cause]
) -> tuple[WarningOrNote, ...]:
    return tuple(
        model(
            code=cause.code,
            column=cause.column,
            message=cause.message,
            advice=cause.advice,
            # A cause about the file as a whole has a count and a line of 0.
            rows=cause.count or None,
            first_line=cause.first_line or None,
        )
        for cause in causes
        if cause.severity == severity
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
            _delivery_attempt(notification.notice.channel, at, result)
            for at, result in known.delivery_attempts
        ),
    )


def _delivery_attempt(
    channel: Channel, at: datetime, result: DeliveryResult
) -> models.DeliveryAttempt:
    problem = delivery_problem(channel, result)
    return models.DeliveryAttempt(
        at=at,
        delivered=result.delivered,
        code=problem.code if problem else None,
        detail=format_result(channel, result),
    )
