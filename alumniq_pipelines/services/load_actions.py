"""The use case: decide on held loads, and accept loads that staff ask for; free of Dagster.

Deciding writes to the ledger only, in one conditional transaction with its audit entry, so it can
be done wherever the ledger is: held rows are published by a run like any other.
"""

from collections.abc import Sequence
from datetime import datetime

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.hold import Decision, Hold, decision_due, why_not_published
from alumniq_pipelines.core.loads.load import (
    JobId,
    Load,
    LoadRequest,
    LoadState,
    Origin,
    new_job_id,
)
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.core.problems.command import NothingToReload, UnknownLoad
from alumniq_pipelines.core.problems.holding import (
    LaterLoadPublished,
    NotHeld,
    NothingArchived,
    ReasonMissing,
)
from alumniq_pipelines.core.problems.live_data import live_data


def approve(ledger: Ledger, job_id: str, reason: str, actor: str, now: datetime) -> Load:
    """Let a held load go on: what was held is published, byte for byte, by a run of its own.

    Raises UnknownLoad, NotHeld, ReasonMissing, and LaterLoadPublished where it comes too late.
    """
    load, _ = _get_held(ledger, job_id, reason)
    later = _later_live_load(ledger, load)
    if later is not None:
        raise LaterLoadPublished(load.job_id, later)
    if not ledger.holds.approve(load.job_id, actor, reason.strip(), now):
        raise NotHeld(load.job_id, _get_load(ledger, job_id).state)
    return _get_load(ledger, job_id)


def discard(
    ledger: Ledger, job_id: str, reason: str, actor: str, now: datetime, *, gateway_url: str
) -> Load:
    """End a held load as failed; its customer reads the reason.

    Raises UnknownLoad, NotHeld and ReasonMissing.
    """
    load, hold = _get_held(ledger, job_id, reason)
    decision, reason = Decision.DISCARDED, reason.strip()
    if not _end_hold(ledger, load, hold, decision, now, gateway_url, actor=actor, reason=reason):
        raise NotHeld(load.job_id, _get_load(ledger, job_id).state)
    return _get_load(ledger, job_id)


def end_due_holds(
    ledger: Ledger, now: datetime, *, gateway_url: str
) -> Sequence[tuple[Load, Decision]]:
    """End held loads whose time is over, or that a load accepted later has made needless."""
    decided = []
    for hold in ledger.holds.undecided():
        load = _get_load(ledger, hold.job_id)
        is_superseded = _later_live_load(ledger, load) is not None
        decision = decision_due(hold, is_superseded=is_superseded, now=now)
        if decision is not None and _end_hold(ledger, load, hold, decision, now, gateway_url):
            decided.append((load, decision))
    return decided


def repeat(
    ledger: Ledger, job_id: str, actor: str, now: datetime, *, notify_customer: bool = False
) -> Load:
    """Accept a load of its own that reads what another one read, from the archive.

    Whoever was told of the other is told of this one only if asked for. Raises UnknownLoad, and
    NothingArchived where the other never got so far as to read its file.
    """
    repeated = _get_load(ledger, job_id)
    if ledger.loads.receipt(repeated.job_id) is None:
        raise NothingArchived(repeated.job_id)
    notified_request = repeated.request if notify_customer else None
    request = LoadRequest(
        new_job_id(),
        repeated.target,
        repeated.request.filename,
        repeated.request.etag,
        repeated.request.size_bytes,
        notify_email=notified_request.notify_email if notified_request else "",
        notify_webhook=notified_request.notify_webhook if notified_request else "",
        origin=Origin.REPEAT,
        repeats=repeated.job_id,
    )
    load = ledger.loads.accept(request, now)
    ledger.audit.add(actor, "load repeated", repeated.job_id, now, detail={"by": load.job_id})
    return load


def accept_reload(ledger: Ledger, target: Target, filename: str | None, now: datetime) -> Load:
    """Accept a load that staff ask for: of the target's last accepted file, or of a named one.

    Raises NothingToReload where neither is known.
    """
    if filename is None:
        last = ledger.loads.last_accepted(target)
        if last is None:
            raise NothingToReload(str(target))
        filename = last.request.filename
    request = LoadRequest(
        new_job_id(), target, filename, etag=None, size_bytes=None, origin=Origin.DAGSTER
    )
    return ledger.loads.accept(request, now)


def accept_rerun(ledger: Ledger, ended: Load, filename: str | None, now: datetime) -> Load:
    """Accept a load that does once more what an ended one was to do, for staff.

    A dry run stays one, and what was read from the archive is read from there; `filename` names
    another file. The customer of the ended load was notified of it and is not notified of this one.
    """
    request_to_repeat = ended.request
    request = LoadRequest(
        new_job_id(),
        ended.target,
        filename or request_to_repeat.filename,
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
    """Find what is to be decided on; a decision needs a reason."""
    load = _get_load(ledger, job_id)
    hold = ledger.holds.get(load.job_id)
    if hold is None or load.state is not LoadState.HELD:
        raise NotHeld(load.job_id, load.state)
    if not reason.strip():
        raise ReasonMissing
    return load, hold


def _later_live_load(ledger: Ledger, load: Load) -> str | None:
    """Name the load accepted later whose data is live, if there is one."""
    newest = ledger.versions.of(load.target, limit=1)
    if newest and newest[0].number > load.number:
        return newest[0].job_id
    unchanged = ledger.loads.unchanged_after(load)
    return None if unchanged is None else f"load number {unchanged}"


def _end_hold(
    ledger: Ledger,
    load: Load,
    hold: Hold,
    decision: Decision,
    now: datetime,
    gateway_url: str,
    *,
    actor: str = "system",
    reason: str = "",
) -> bool:
    live = live_data(load.number, ledger.versions.newest(load.target))
    problem = why_not_published(decision, hold, live, reason)
    outcome = Outcome(
        LoadState.FAILED,
        (str(problem),),
        hold.counts,
        hold.changes,
        remedy=problem.advice,
        remarks=hold.remarks,
    )
    watch = ledger.watches.get(load.target)
    heartbeat_url = watch.heartbeat_url if watch else ""
    notices = notices_for(
        load, outcome, heartbeat_url=heartbeat_url, gateway_url=gateway_url, live=live
    )
    return ledger.holds.end(
        load.job_id, decision, outcome, notices, now, actor=actor, reason=reason
    )
