"""The notices about an ended load: who gets one, and its text.

The callback's body is the contract's, to the byte. A mail is written here as plain text in the
layout of `text.py`; its HTML part is laid out from that text, so the two never differ.
"""

import json
from collections.abc import Sequence

from alumniq_pipelines.core.access.public_urls import NO_PUBLIC_URLS, PublicUrls
from alumniq_pipelines.core.loads.check_result import Counts, format_warnings
from alumniq_pipelines.core.loads.load import JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, Outcome
from alumniq_pipelines.core.loads.rejection_report import report_key, report_note
from alumniq_pipelines.core.notifications.email_addresses import addresses_in
from alumniq_pipelines.core.notifications.heartbeat import signal_notices, signal_of
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice
from alumniq_pipelines.core.notifications.staff import NO_STAFF, Staff
from alumniq_pipelines.core.notifications.text import bullet_list, paragraphs
from alumniq_pipelines.core.problems.file import FIX_AND_CALL_AGAIN
from alumniq_pipelines.core.problems.live_data import LiveData, live_sentence
from alumniq_pipelines.core.problems.outcome import UnexplainedFailure

DRY_RUN_SENTENCE = "This was a dry run: nothing was published."

OUR_FAULTS = frozenset({AttemptResult.OUTAGE, AttemptResult.MISCONFIGURED, AttemptResult.LOST})


def notices_for(
    load: Load,
    outcome: Outcome,
    attempts: Sequence[AttemptRecord] = (),
    staff: Staff = NO_STAFF,
    heartbeat_url: str = "",
    public_urls: PublicUrls = NO_PUBLIC_URLS,
    live: LiveData | None = None,
    live_job_id: JobId | None = None,
) -> tuple[Notice, ...]:
    """Return every notice to send once a load has this outcome.

    A callback where a URL was given, one mail per address that was given, a notice to staff where
    the fault is ours, with the `attempts`, and the heartbeat of the target's watch.
    A customer's mail links to the load's page at the host of its environment, a notice to staff to
    the one where staff sign in. Of a failed load it also says what is `live`
    meanwhile, unless that is None because it is not known; of a superseded one, as which load its
    file is live.
    """
    ours = outcome.is_our_fault
    notices = []
    if load.request.notify_webhook:
        url, body = load.request.notify_webhook, callback_body(load, outcome)
        notices.append(Notice(Channel.CALLBACK, url, body, audience=Audience.CUSTOMER))
    subject = f"{_headline(load, outcome)}: {feed_label(load)}"
    text = _mail_text(load, outcome, live, live_job_id, ours=ours)
    text += page_line(load, public_urls.of(load.target.environment))
    notices += [
        Notice(Channel.MAIL, address, text, subject, audience=Audience.CUSTOMER)
        for address in addresses_in(load.request.notify_email)
    ]
    if ours:
        staff_text = _staff_text(load, outcome, attempts) + page_line(load, public_urls.staff)
        notices += staff.notices(subject, staff_text)
    if load.request.dry_run:  # a dry run does not show that the feed works
        return tuple(notices)
    return (*notices, *signal_notices(heartbeat_url, signal_of(outcome.state)))


def page_line(load: Load, url: str) -> str:
    """Return the line of a message with the load's page at a host; empty without a host."""
    return f"Page: {url}/loads/{load.job_id}\n" if url else ""


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


def _errors(outcome: Outcome) -> tuple[str, ...]:
    """Return at least one line: nobody could act on a failure without a reason."""
    return outcome.errors or (str(UnexplainedFailure()),)


def _headline(load: Load, outcome: Outcome) -> str:
    succeeded = outcome.state is LoadState.SUCCEEDED
    if outcome.hold_reasons:
        return "Dry run: would be held"
    if load.request.dry_run:
        return "Dry run passed" if succeeded else "Dry run failed"
    if outcome.is_superseded:
        return "Already live"
    return "Loaded" if succeeded else "Not loaded"


def _mail_text(
    load: Load,
    outcome: Outcome,
    live: LiveData | None,
    live_job_id: JobId | None,
    *,
    ours: bool,
) -> str:
    filename = load.request.filename
    if outcome.state is LoadState.SUCCEEDED:
        rejected = bullet_list("Rejected rows", outcome.errors) if outcome.errors else ""
        beginning: Sequence[str] = [f"{filename} {_success(load, outcome, live_job_id)}", rejected]
    else:
        beginning = _failure_paragraphs(load, outcome, live, ours=ours)
    report = warnings = ""
    if outcome.counts is not None and outcome.counts.rows_rejected:
        note = report_note(outcome.warnings)
        usual = f"Rejection report: {report_key(load.target, load.job_id)} in your bucket."
        report = note.message if note else usual
    listed = [warning for warning in outcome.warnings if warning.message != report]
    if listed:  # only here: the contract's callback has no field for them
        heading = "Warnings and notes (no row was rejected for these)"
        warnings = bullet_list(heading, format_warnings(listed))
    return paragraphs(*beginning, _counts(load, outcome), report, warnings, load_details(load))


def _success(load: Load, outcome: Outcome, live_job_id: JobId | None) -> str:
    if load.request.dry_run:
        return f"passed the check. {DRY_RUN_SENTENCE}"
    if outcome.is_superseded:
        as_load = f" as load {live_job_id}" if live_job_id else ""
        return (
            f"was not loaded once more: the same file, byte for byte, is live already{as_load}. "
            "You do not need to do anything."
        )
    if outcome.is_unchanged:
        return "is identical to the file that your live data was loaded from: nothing changed."
    return "was loaded."


def _failure_paragraphs(
    load: Load, outcome: Outcome, live: LiveData | None, *, ours: bool
) -> list[str]:
    """Return what failed and why, what is live, and what to do, each of them once."""
    filename, is_live = load.request.filename, live_sentence(live) if live else ""
    usual_remedy = (
        "You do not need to do anything: the fault is ours, and our staff will deal with it."
        if ours
        else "Fix this in your source system, upload the file again "
        f"and call the {load.target.feed} webhook again."
    )
    if outcome.hold_reasons:
        held = f"{filename} passed the check, but a load of it would be held for approval."
        return [
            f"{held} {DRY_RUN_SENTENCE}",
            bullet_list("Why it would be held", outcome.hold_reasons),
            f"What to do: {outcome.remedy or usual_remedy}",
        ]
    ending = (
        f"would not be loaded. {DRY_RUN_SENTENCE}"
        if load.request.dry_run
        else (f"was not loaded. {is_live}".rstrip())
    )
    # Errors are complete by themselves, for the callback: what the mail says elsewhere is left out.
    elsewhere = [FIX_AND_CALL_AGAIN, outcome.remedy, "" if load.request.dry_run else is_live]
    errors = [_without(error, elsewhere) for error in _errors(outcome)]
    remedy = _without(outcome.remedy, elsewhere[2:]) or usual_remedy
    return [f"{filename} {ending}", bullet_list("What went wrong", errors), f"What to do: {remedy}"]


def _without(text: str, sentences: Sequence[str]) -> str:
    """Return a text without some of its sentences; all of it, if nothing else would be left."""
    rest = text
    for sentence in sentences:
        if sentence:
            rest = rest.replace(sentence, "")
    return " ".join(rest.split()) or text


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
        load_details(load),
    ]
    return paragraphs(*parts)


def _counts(load: Load, outcome: Outcome) -> str:
    if outcome.counts is None:
        return ""
    is_good = outcome.state is LoadState.SUCCEEDED or bool(outcome.hold_reasons)
    is_published = not load.request.dry_run and not outcome.is_unchanged
    accepted = "Rows published" if is_published else "Rows accepted"
    text = format_counts(outcome.counts, accepted if is_good else "")
    return f"{text}\nChanges: {outcome.changes}" if is_good and outcome.changes else text


def format_counts(counts: Counts, accepted: str) -> str:
    """Return the counts of a file line by line; without a name, the accepted rows are left out."""
    lines = (
        f"Rows read: {counts.rows_read:,}",
        f"{accepted}: {counts.rows_accepted:,}" if accepted else "",
        f"Rows rejected: {counts.rows_rejected:,}",
    )
    return "\n".join(line for line in lines if line)


def feed_label(load: Load) -> str:
    """Return `warehouse (iqu, qa)`, with which subjects end."""
    target = load.target
    return f"{target.feed} ({target.customer}, {target.environment})"


def load_details(load: Load) -> str:
    """Return the lines that identify a load."""
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
