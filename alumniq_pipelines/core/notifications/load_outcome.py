"""The notices about an ended load: who gets one, and its text.

The callback's body is the contract's, to the byte. A mail is written here as plain text in the
layout of `text.py`; its HTML part is laid out from that text, so the two never differ.
"""

import json
import re
from collections.abc import Sequence

from alumniq_pipelines.core.loads.check_result import format_warnings
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, Outcome
from alumniq_pipelines.core.loads.rejection_report import report_key
from alumniq_pipelines.core.notifications.heartbeat import signal_notices, signal_of
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice
from alumniq_pipelines.core.notifications.staff import NO_STAFF, Staff
from alumniq_pipelines.core.notifications.text import bullet_list, paragraphs
from alumniq_pipelines.core.problems.live_data import LiveData, live_sentence
from alumniq_pipelines.core.problems.outcome import UnexplainedFailure

OUR_FAULTS = frozenset({AttemptResult.OUTAGE, AttemptResult.MISCONFIGURED, AttemptResult.LOST})


def notices_for(
    load: Load,
    outcome: Outcome,
    attempts: Sequence[AttemptRecord] = (),
    staff: Staff = NO_STAFF,
    heartbeat_url: str = "",
    gateway_url: str = "",
    live: LiveData | None = None,
) -> tuple[Notice, ...]:
    """Return every notice to send once a load has this outcome.

    A callback where a URL was given, one mail per address that was given, a notice to staff where
    the fault is ours, with the `attempts`, and the heartbeat of the target's watch.
    Mail links to the load's page at the gateway. Of a failed load it also says what is `live`
    meanwhile, unless that is None because it is not known.
    """
    ours = outcome.is_our_fault
    notices = []
    if load.request.notify_webhook:
        url, body = load.request.notify_webhook, callback_body(load, outcome)
        notices.append(Notice(Channel.CALLBACK, url, body, audience=Audience.CUSTOMER))
    page = f"Page: {gateway_url}/loads/{load.job_id}\n" if gateway_url else ""
    subject, text = _subject(load, outcome), _mail_text(load, outcome, live, ours=ours) + page
    notices += [
        Notice(Channel.MAIL, address, text, subject, audience=Audience.CUSTOMER)
        for address in addresses_in(load.request.notify_email)
    ]
    if ours:
        notices += staff.notices(subject, _staff_text(load, outcome, attempts) + page)
    if load.request.dry_run:  # a dry run does not show that the feed works
        return tuple(notices)
    return (*notices, *signal_notices(heartbeat_url, signal_of(outcome.state)))


def callback_body(load: Load, outcome: Outcome) -> str:
    """Return the contract's JSON: these four keys, in this order, spaced as documented."""
    succeeded = outcome.state is LoadState.SUCCEEDED
    return json.dumps(
        {
            "jobId": load.job_id,
            "status": "SUCCESS" if succeeded else "FAILED",
            "errors": None if succeeded else list(_errors(outcome)),
            "executionCompleted": succeeded,
        }
    )


def addresses_in(emails: str) -> tuple[str, ...]:
    """Return the addresses of a list that is separated by commas or semicolons."""
    parts = (part.strip() for part in re.split("[,;]", emails))
    return tuple(dict.fromkeys(part for part in parts if part))


def _errors(outcome: Outcome) -> tuple[str, ...]:
    """Return at least one line: nobody could act on a failure without a reason."""
    return outcome.errors or (str(UnexplainedFailure()),)


def _subject(load: Load, outcome: Outcome) -> str:
    result = "Loaded" if outcome.state is LoadState.SUCCEEDED else "Not loaded"
    if outcome.is_superseded:
        result = "Superseded"
    if load.request.dry_run:
        result = "Dry run passed" if outcome.state is LoadState.SUCCEEDED else "Dry run failed"
    target = load.target
    return f"{result}: {target.feed} ({target.customer}, {target.environment})"


def _mail_text(load: Load, outcome: Outcome, live: LiveData | None, *, ours: bool) -> str:
    filename = load.request.filename
    if outcome.state is LoadState.SUCCEEDED:
        rejected = bullet_list("Rejected rows", outcome.errors) if outcome.errors else ""
        beginning = [f"{filename} {_success(load, outcome)}", rejected]
    else:
        usual_remedy = (
            "You do not need to do anything: the fault is ours, and our staff will deal with it."
            if ours
            else "Fix this in your source system, upload the file again "
            f"and call the {load.target.feed} webhook again."
        )
        beginning = [
            f"{filename} {_failure(load, live)}",
            bullet_list("What went wrong", _errors(outcome)),
            f"What to do: {outcome.remedy or usual_remedy}",
        ]
    report = warnings = ""
    if outcome.counts is not None and outcome.counts.rows_rejected:
        report = f"Rejection report: {report_key(load.target, load.job_id)} in your bucket."
    if outcome.warnings:  # only here: the contract's callback has no field for them
        heading = "Warnings and notes (no row was rejected for these)"
        warnings = bullet_list(heading, format_warnings(outcome.warnings))
    return paragraphs(*beginning, _counts(load, outcome), report, warnings, _load_details(load))


def _success(load: Load, outcome: Outcome) -> str:
    if load.request.dry_run:
        return "passed the check. This was a dry run: nothing was published."
    if outcome.is_superseded:
        return (
            "was not published: the data of a later load is live already. You do not need to do "
            "anything."
        )
    if outcome.is_unchanged:
        return "is identical to the file that your live data was loaded from: nothing changed."
    return "was loaded."


def _failure(load: Load, live: LiveData | None) -> str:
    if load.request.dry_run:
        return "would not be loaded. This was a dry run: nothing was published."
    return f"was not loaded. {live_sentence(live)}" if live else "was not loaded."


def _staff_text(load: Load, outcome: Outcome, attempts: Sequence[AttemptRecord]) -> str:
    attempt_lines = [
        f"Attempt {attempt.number}, run {attempt.run_id}: {attempt.result or 'unfinished'}"
        for attempt in attempts
    ]
    last = attempts[-1].errors if attempts else ()
    not_recorded = [error for error in last if error not in outcome.errors]
    remedy = (
        f"Fix the cause, then materialize the partition {load.target.partition_key} "
        f"of {load.target.feed} in Dagster, which loads the last accepted file again."
    )
    parts = [
        f"A load failed for reasons on our side and will not be retried: {load.target}.",
        bullet_list("Attempts", attempt_lines),
        bullet_list("What went wrong", not_recorded) if not_recorded else "",
        bullet_list("Errors shown to the customer", _errors(outcome)),
        f"What to do: {remedy}",
        _load_details(load),
    ]
    return paragraphs(*parts)


def _counts(load: Load, outcome: Outcome) -> str:
    if outcome.counts is None:
        return ""
    counts = outcome.counts
    lines = [f"Rows read: {counts.rows_read:,}"]
    if outcome.state is LoadState.SUCCEEDED:
        is_published = not load.request.dry_run and not outcome.is_unchanged
        accepted = "Rows published" if is_published else "Rows accepted"
        lines.append(f"{accepted}: {counts.rows_accepted:,}")
    lines.append(f"Rows rejected: {counts.rows_rejected:,}")
    if outcome.changes is not None and outcome.state is LoadState.SUCCEEDED:
        lines.append(f"Changes: {outcome.changes}")
    return "\n".join(lines)


def _load_details(load: Load) -> str:
    target = load.target
    return "\n".join(
        (
            f"Job id: {load.job_id}",
            f"File: {load.request.filename}",
            f"Feed: {target.feed}",
            f"Customer: {target.customer}, {target.environment}",
            f"Accepted: {load.accepted_at:%Y-%m-%d %H:%M:%S} UTC",
        )
    )
