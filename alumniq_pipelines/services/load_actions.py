"""The use case: every change to a load from outside its runs, and how a load ends; free of Dagster.

Each change writes to the ledger only and is conditional: it can be made wherever the ledger is, and
making it twice changes nothing. What people do is recorded in the audit trail. Held rows are
published by a run like any other.
"""

from collections.abc import Sequence
from datetime import datetime

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.hold import (
    Decision,
    Ending,
    Hold,
    decision_due,
    why_not_published,
)
from alumniq_pipelines.core.loads.load import (
    JobId,
    Load,
    LoadRequest,
    LoadState,
    Origin,
    new_job_id,
)
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.notifications.notification import Notice, Notification
from alumniq_pipelines.core.notifications.staff import NO_STAFF, Staff
from alumniq_pipelines.core.problems.api import (
    BeingPublished,
    LoadCanceled,
    LoadCanceledUnderway,
    NotQueued,
)
from alumniq_pipelines.core.problems.command import NothingToReload, UnknownLoad
from alumniq_pipelines.core.problems.holding import (
    LaterLoadPublished,
    NotHeld,
    NothingArchived,
    ReasonMissing,
)
from alumniq_pipelines.core.problems.live_data import LiveData, live_data
from alumniq_pipelines.core.problems.notification import NotificationUnderWay, UnknownNotification

APPROVED_BEFORE = "Published before the ledger was restored from a backup."


def end_load(
    ledger: Ledger,
    load: Load,
    outcome: Outcome,
    now: datetime,
    *,
    public_urls: PublicUrls,
    attempts: Sequence[AttemptRecord] = (),
    staff: Staff = NO_STAFF,
) -> bool:
    """Give a load its outcome and enqueue its notices; False if it has an outcome already.

    Staff are notified if the fault is ours.
    """
    notices = outcome_notices(ledger, load, outcome, public_urls, attempts, staff)
    return ledger.loads.end(load.job_id, outcome, notices, now)


def cancel(
    ledger: Ledger, job_id: str, actor: str, now: datetime, *, public_urls: PublicUrls
) -> Load:
    """Cancel a load that is not finished, and notify those who requested it.

    It ends at once: whatever a run of it still does, it records and publishes nothing. The
    reconcile sensor stops that run in Dagster. Raises UnknownLoad, NotQueued and BeingPublished.
    """
    load = _get_load(ledger, job_id)
    # In a ledger that was restored from a backup, a queued load may be published already.
    while load.is_cancelable and not ledger.versions.is_published(load.job_id):
        # Which of the two is true is decided by the number of attempts, which the update compares.
        problem = LoadCanceledUnderway() if load.attempts else LoadCanceled()
        outcome = Outcome(LoadState.FAILED, (str(problem),), remedy=problem.advice)
        if ledger.loads.end(
            load.job_id,
            outcome,
            outcome_notices(ledger, load, outcome, public_urls),
            now,
            closing=AttemptResult.STOPPED,
            only_after=load.attempts,
            canceled_by=actor,
        ):
            return _get_load(ledger, job_id)
        if any(attempt.publishing_at for attempt in ledger.attempts.of(load.job_id)):
            raise BeingPublished
        load = _get_load(ledger, job_id)
    if load.is_cancelable:
        raise BeingPublished
    raise NotQueued(load.state)


def approve(ledger: Ledger, job_id: str, reason: str, actor: str, now: datetime) -> Load:
    """Approve a held load: a new run publishes what was held, byte for byte.

    Raises UnknownLoad, NotHeld, ReasonMissing, and LaterLoadPublished if it is too late.
    """
    load, _ = _get_held(ledger, job_id, reason)
    later = _later_live_load(ledger, load)
    if later is not None:
        raise LaterLoadPublished(load.job_id, later)
    if not ledger.holds.approve(load.job_id, actor, reason.strip(), now):
        raise NotHeld(load.job_id, _get_load(ledger, job_id).state)
    return _get_load(ledger, job_id)


def discard(
    ledger: Ledger, job_id: str, reason: str, actor: str, now: datetime, *, public_urls: PublicUrls
) -> Load:
    """End a held load as failed; its customer reads the reason.

    Raises UnknownLoad, NotHeld, ReasonMissing, and BeingPublished if it was approved and published
    before the ledger was restored from a backup.
    """
    load, hold = _get_held(ledger, job_id, reason)
    if ledger.versions.is_published(load.job_id):
        raise BeingPublished
    if not _end_hold(
        ledger,
        load,
        hold,
        Decision.DISCARDED,
        now,
        public_urls,
        actor=actor,
        reason=reason.strip(),
    ):
        raise NotHeld(load.job_id, _get_load(ledger, job_id).state)
    return _get_load(ledger, job_id)


def end_due_holds(
    ledger: Ledger, now: datetime, *, public_urls: PublicUrls
) -> Sequence[tuple[Load, Ending]]:
    """End held loads that have expired or that a later load has superseded.

    One whose version is recorded was approved before the ledger was restored from a backup: it is
    approved again, and its run ends it as published.
    """
    ended = []
    for hold in ledger.holds.due(now):
        if ledger.versions.is_published(hold.job_id):
            ledger.holds.approve(hold.job_id, "system", APPROVED_BEFORE, now)
            continue
        load = _get_load(ledger, hold.job_id)
        is_superseded = _later_live_load(ledger, load) is not None
        ending = decision_due(hold, is_superseded=is_superseded, now=now)
        if ending is not None and _end_hold(ledger, load, hold, ending, now, public_urls):
            ended.append((load, ending))
    return ended


def repeat(
    ledger: Ledger, job_id: str, actor: str, now: datetime, *, notify_customer: bool = False
) -> Load:
    """Accept a new load that reads the archived file of another one.

    If `notify_customer`, its outcome is sent to the same recipients. Raises UnknownLoad, and
    NothingArchived if the other load never read its file.
    """
    repeated = _get_load(ledger, job_id)
    if ledger.attempts.receipt(repeated.job_id) is None:
        raise NothingArchived(repeated.job_id)
    request_to_repeat = repeated.request
    request = LoadRequest(
        job_id=new_job_id(),
        target=request_to_repeat.target,
        filename=request_to_repeat.filename,
        etag=request_to_repeat.etag,
        size_bytes=request_to_repeat.size_bytes,
        notify_email=request_to_repeat.notify_email if notify_customer else "",
        notify_webhook=request_to_repeat.notify_webhook if notify_customer else "",
        origin=Origin.REPEAT,
        repeats=repeated.job_id,
    )
    return ledger.loads.accept_repeat(request, actor, now)


def resend(ledger: Ledger, notification_id: str, actor: str, now: datetime) -> Notification:
    """Make a notification due now, whether or not it was delivered, with the same id and bytes.

    Raises UnknownNotification, and NotificationUnderWay while a delivery attempt is in progress;
    then nothing is changed, and nothing is in the audit trail.
    """
    is_due = ledger.notifications.make_due_again(notification_id, actor, now)
    found = ledger.notifications.get(notification_id)
    if found is None:
        raise UnknownNotification(notification_id)
    if not is_due:
        raise NotificationUnderWay(notification_id)
    return found


def accept_reload(ledger: Ledger, target: Target, filename: str | None, now: datetime) -> Load:
    """Accept a load for staff: of the file that is named, or else the last one accepted.

    Raises NothingToReload if there is neither.
    """
    if filename is None:
        last = ledger.loads.last_accepted(target)
        if last is None:
            raise NothingToReload(str(target))
        filename = last.request.filename
    request = LoadRequest(
        job_id=new_job_id(),
        target=target,
        filename=filename,
        etag=None,
        size_bytes=None,
        origin=Origin.DAGSTER,
    )
    return ledger.loads.accept(request, now)


def accept_rerun(ledger: Ledger, ended: Load, filename: str | None, now: datetime) -> Load:
    """Accept a load for staff that repeats an ended one.

    A dry run stays one, and an archived file is read from the archive again; `filename` names
    another file. The customer was notified of the ended load and is not notified of this one.
    """
    request_to_repeat = ended.request
    request = LoadRequest(
        job_id=new_job_id(),
        target=ended.target,
        filename=filename or request_to_repeat.filename,
        etag=None,
        size_bytes=None,
        origin=Origin.DAGSTER,
        repeats=None if filename else request_to_repeat.repeats,
        dry_run=request_to_repeat.dry_run,
    )
    return ledger.loads.accept(request, now)


def _get_load(ledger: Ledger, job_id: str) -> Load:
    found = ledger.loads.get(JobId(job_id.strip().upper()))
    if found is None:
        raise UnknownLoad(job_id)
    return found


def _get_held(ledger: Ledger, job_id: str, reason: str) -> tuple[Load, Hold]:
    """Return a held load and its hold, for a decision; raises ReasonMissing without a reason."""
    load = _get_load(ledger, job_id)
    hold = ledger.holds.get(load.job_id)
    if hold is None or load.state is not LoadState.HELD:
        raise NotHeld(load.job_id, load.state)
    if not reason.strip():
        raise ReasonMissing
    return load, hold


def _later_live_load(ledger: Ledger, load: Load) -> str | None:
    """Return the id or number of a load accepted later whose data is live, if there is one."""
    newest = ledger.versions.of(load.target, limit=1)
    if newest and newest[0].number > load.number:
        return newest[0].job_id
    unchanged = ledger.loads.unchanged_after(load)
    return None if unchanged is None else f"load number {unchanged}"


def _end_hold(
    ledger: Ledger,
    load: Load,
    hold: Hold,
    ending: Ending,
    now: datetime,
    public_urls: PublicUrls,
    *,
    actor: str = "system",
    reason: str = "",
) -> bool:
    problem = why_not_published(ending, hold, _live_data(ledger, load), reason)
    outcome = Outcome(
        state=LoadState.FAILED,
        errors=(str(problem),),
        counts=hold.counts,
        changes=hold.changes,
        remedy=problem.advice,
        warnings=hold.warnings,
    )
    notices = outcome_notices(ledger, load, outcome, public_urls)
    return ledger.holds.end(load.job_id, ending, outcome, notices, now, actor=actor, reason=reason)


def _live_data(ledger: Ledger, load: Load) -> LiveData:
    """Return whose data is live while the load ends."""
    return live_data(load.number, ledger.versions.newest(load.target))


def outcome_notices(
    ledger: Ledger,
    load: Load,
    outcome: Outcome,
    public_urls: PublicUrls,
    attempts: Sequence[AttemptRecord] = (),
    staff: Staff = NO_STAFF,
) -> Sequence[Notice]:
    """Return every notice that is due once a load has this outcome."""
    watch = ledger.watches.get(load.target)
    return notices_for(
        load,
        outcome,
        attempts,
        staff,
        heartbeat_url=watch.heartbeat_url if watch else "",
        public_urls=public_urls,
        live=_live_data(ledger, load),
        live_job_id=_live_job_id(ledger, load, attempts) if outcome.is_superseded else None,
    )


def _live_job_id(ledger: Ledger, load: Load, attempts: Sequence[AttemptRecord]) -> JobId | None:
    """Return the load that published the file of a superseded load."""
    sha256 = attempts[-1].sha256 if attempts else None
    versions = ledger.versions.by_sha256(sha256) if sha256 else ()
    return next((version.job_id for version in versions if version.target == load.target), None)
