import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState
from alumniq_pipelines.core.loads.outcome import (
    AttemptRecord,
    AttemptResult,
    Outcome,
    refusal_outcome,
)
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.load_outcome import callback_body, notices_for
from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.core.notifications.staff import STAFF_CHAT, Staff, mail_recipients
from alumniq_pipelines.core.problems.file import RowsRejected
from alumniq_pipelines.core.problems.holding import HoldDiscarded, LaterFileLoaded, WouldBeHeld
from alumniq_pipelines.core.problems.live_data import LiveData, live_data

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
REQUEST = LoadRequest(
    job_id=JobId("F6494FE4-8642-4F2E-A87DF336916CC246"),
    target=Target("iqu", Environment.QA, "warehouse"),
    filename="warehouse.csv",
    etag="e1",
    size_bytes=10,
    notify_email="you@example.edu",
    notify_webhook="https://example.edu/callback?x=1",
)
LOAD = Load(1, REQUEST, LoadState.RUNNING, attempts=1, accepted_at=NOW)
GOOD = Outcome(LoadState.SUCCEEDED, counts=Counts(12_000, 12_000, 0))
BOTH = Staff((*mail_recipients(("a@example.org", "b@example.org")), STAFF_CHAT))
BAD = Outcome(LoadState.FAILED, ("Error message 1", "Error message 2"), Counts(5, 3, 2))
OURS = replace(BAD, is_our_fault=True)
HALVED = Changes(0, 0, 50, 50)


def loads_asking(*, email: str = "", webhook: str = "") -> Load:
    return replace(LOAD, request=replace(REQUEST, notify_email=email, notify_webhook=webhook))


def as_dry_run(load: Load) -> Load:
    return replace(load, request=replace(load.request, dry_run=True))


def test_the_callback_of_a_success_is_the_contracts_to_the_byte() -> None:
    assert callback_body(LOAD, GOOD) == (
        '{"jobId": "F6494FE4-8642-4F2E-A87DF336916CC246", "status": "SUCCESS", '
        '"errors": null, "executionCompleted": true}'
    )


def test_the_callback_of_a_failure_is_the_contracts_to_the_byte() -> None:
    assert callback_body(LOAD, BAD) == (
        '{"jobId": "F6494FE4-8642-4F2E-A87DF336916CC246", "status": "FAILED", '
        '"errors": ["Error message 1", "Error message 2"], "executionCompleted": false}'
    )


@given(st.lists(st.text(), min_size=1))
def test_whatever_the_errors_hold_the_callback_is_json_with_four_keys(errors: list[str]) -> None:
    body = callback_body(LOAD, Outcome(LoadState.FAILED, tuple(errors)))
    assert body.isascii()
    payload = json.loads(body)
    assert list(payload) == ["jobId", "status", "errors", "executionCompleted"]
    assert payload["errors"] == errors


def test_the_mail_of_a_load_with_rejections_points_to_the_report_in_the_bucket() -> None:
    report_path = f"qa/warehouse/reports/warehouse/{LOAD.job_id}.csv in your bucket."
    partly = Outcome(LoadState.SUCCEEDED, ("Error message 1",), Counts(5, 3, 2))
    for outcome, is_mentioned in ((BAD, True), (partly, True), (GOOD, False)):
        [notice] = notices_for(loads_asking(email="you@example.edu"), outcome, [])
        assert (report_path in notice.body) is is_mentioned


def warnings(kinds: int) -> tuple[Cause, ...]:
    return tuple(
        Cause("reference", f"c{n}", f"`c{n}` is no address", 1_000, 2, "warning", "Send one.")
        for n in range(kinds)
    )


@pytest.mark.parametrize("outcome", [GOOD, BAD], ids=["success", "failure"])
def test_warnings_and_notes_are_sent_by_mail_and_never_by_callback(outcome: Outcome) -> None:
    load = loads_asking(email="you@example.edu", webhook="https://example.edu/")
    callback, mail = notices_for(load, replace(outcome, warnings=warnings(1)))
    assert (
        "\n\nWarnings and notes (no row was rejected for these):\n"
        "- `c0` is no address (1,000 rows, first on line 2). Send one.\n\n"
    ) in mail.body
    assert callback.body == callback_body(load, outcome)
    assert "Warnings and notes" not in notices_for(load, outcome)[1].body


def test_a_mail_lists_twenty_warnings_and_notes_and_counts_the_rest() -> None:
    outcome = replace(GOOD, warnings=warnings(25))
    [mail] = notices_for(loads_asking(email="you@example.edu"), outcome)
    assert mail.body.count("is no address") == 20
    assert "\n- And 5 more kinds of warning or note in 5,000 places.\n" in mail.body


def test_a_failure_without_a_reason_still_states_one() -> None:
    payload = json.loads(callback_body(LOAD, Outcome(LoadState.FAILED)))
    assert len(payload["errors"]) == 1


def test_a_load_without_notification_options_gets_no_notifications() -> None:
    assert notices_for(loads_asking(), GOOD) == ()
    assert notices_for(loads_asking(), BAD, staff=BOTH) == ()


def test_both_options_give_a_callback_and_a_mail_to_each_address() -> None:
    load = loads_asking(email="a@example.edu; b@example.edu,", webhook="https://example.edu/")
    notices = notices_for(load, GOOD)
    assert [(notice.channel, notice.destination) for notice in notices] == [
        (Channel.CALLBACK, "https://example.edu/"),
        (Channel.MAIL, "a@example.edu"),
        (Channel.MAIL, "b@example.edu"),
    ]
    assert notices[0].body == callback_body(load, GOOD)


def test_a_mail_goes_to_the_address_behind_a_name_and_to_an_international_domain() -> None:
    emails = '"Lee, Ann" <ann@example.edu>, bob@bücher.example'
    notices = notices_for(loads_asking(email=emails), GOOD)
    assert [notice.destination for notice in notices] == [
        "ann@example.edu",
        "bob@xn--bcher-kva.example",
    ]


def test_a_mail_of_success_says_what_was_published() -> None:
    mail = notices_for(loads_asking(email="you@example.edu"), GOOD)[0]
    assert mail.subject == "Loaded: warehouse (iqu, qa)"
    assert mail.body == (
        "warehouse.csv was loaded.\n\n"
        "Rows read: 12,000\nRows published: 12,000\nRows rejected: 0\n\n"
        "Job id: F6494FE4-8642-4F2E-A87DF336916CC246\nFile: warehouse.csv\nFeed: warehouse\n"
        "Customer: iqu, qa\nAccepted: 2026-03-01 02:30:00 UTC\n"
    )


def test_a_mail_of_success_within_a_reject_budget_says_what_was_left_out() -> None:
    outcome = Outcome(LoadState.SUCCEEDED, ("2 rows have no xid",), Counts(10, 8, 2))
    mail = notices_for(loads_asking(email="you@example.edu"), outcome)[0]
    assert "Rejected rows:\n- 2 rows have no xid\n" in mail.body


def test_a_mail_of_failure_says_what_went_wrong_what_to_do_and_what_is_live() -> None:
    load = loads_asking(email="you@example.edu")
    mail = notices_for(load, BAD, live=LiveData.PREVIOUS)[0]
    assert mail.subject == "Not loaded: warehouse (iqu, qa)"
    first, second, third, *_ = mail.body.split("\n\n")
    assert first == "warehouse.csv was not loaded. Your previous data is still live."
    assert second == "What went wrong:\n- Error message 1\n- Error message 2"
    assert third.startswith("What to do: Fix this in your source system")
    assert "Rows published" not in mail.body


@pytest.mark.parametrize(
    ("newest", "said"),
    [
        (None, "No data of this feed has been published yet."),
        (0, "Your previous data is still live."),
        (2, "The data of another load is live."),
    ],
)
def test_what_is_live_while_a_load_fails_is_said_as_it_is(newest: int | None, said: str) -> None:
    live = live_data(LOAD.number, newest)
    mail = notices_for(loads_asking(email="you@example.edu"), BAD, live=live)[0]
    assert mail.body.startswith(f"warehouse.csv was not loaded. {said}\n")
    rejected = str(RowsRejected(1, 2, live))
    assert rejected.endswith(said)
    unknown = notices_for(loads_asking(email="you@example.edu"), BAD)[0].body
    assert unknown.startswith("warehouse.csv was not loaded.\n")


def test_a_failed_dry_run_says_nothing_of_live_data() -> None:
    dry_run = replace(LOAD, request=replace(LOAD.request, dry_run=True))
    mail = notices_for(dry_run, BAD, live=LiveData.PREVIOUS)[1]
    first, *_ = mail.body.split("\n\n")
    assert first == (
        "warehouse.csv would not be loaded. This was a dry run: nothing was published."
    )


def test_a_superseded_load_is_not_said_to_be_loaded_but_as_which_load_its_file_is_live() -> None:
    outcome = Outcome(LoadState.SUCCEEDED, is_superseded=True)
    load = loads_asking(email="you@example.edu")
    [mail] = notices_for(load, outcome, live_job_id=JobId("OTHER"))
    assert mail.subject == "Already live: warehouse (iqu, qa)"
    assert mail.body.startswith(
        "warehouse.csv was not loaded once more: the same file, byte for byte, is live already as "
        "load OTHER. You do not need to do anything.\n"
    )
    assert "Rows published" not in mail.body
    [unknown] = notices_for(load, outcome)
    assert "is live already. You do not" in unknown.body


def test_a_load_behind_a_later_file_is_not_loaded_and_nothing_needs_mending() -> None:
    problem = LaterFileLoaded()
    attempt = AttemptRecord(1, "run", AttemptResult.OVERTAKEN, (str(problem),))
    load, outcome = loads_asking(email="you@example.edu"), refusal_outcome(attempt)
    [mail] = notices_for(load, outcome, live=LiveData.OTHER)
    assert mail.subject == "Not loaded: warehouse (iqu, qa)"
    first, second, third, *_ = mail.body.split("\n\n")
    assert first == "warehouse.csv was not loaded. The data of another load is live."
    assert second == f"What went wrong:\n- {problem.detail}"
    assert third == f"What to do: {problem.advice}"
    assert json.loads(callback_body(load, outcome))["errors"] == [str(problem)]


def test_a_dry_run_whose_load_would_be_held_is_not_said_to_have_passed() -> None:
    errors = (str(WouldBeHeld()), "50 rows removed.", "It lost zeros.")
    attempt = AttemptRecord(
        1, "run", AttemptResult.WOULD_BE_HELD, errors, Counts(50, 50, 0), changes=HALVED
    )
    dry_run, outcome = as_dry_run(LOAD), refusal_outcome(attempt)
    callback, mail = notices_for(dry_run, outcome, live=LiveData.PREVIOUS)
    assert mail.subject == "Dry run: would be held: warehouse (iqu, qa)"
    first, second, third, fourth, *_ = mail.body.split("\n\n")
    assert first == (
        "warehouse.csv passed the check, but a load of it would be held for approval. This was a "
        "dry run: nothing was published."
    )
    assert second == "Why it would be held:\n- 50 rows removed.\n- It lost zeros."
    assert third == f"What to do: {WouldBeHeld().advice}"
    assert "Rows accepted: 50\n" in fourth
    assert f"Changes: {HALVED}" in fourth
    assert json.loads(callback.body)["status"] == "FAILED"
    assert json.loads(callback.body)["errors"] == list(errors)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_mail_says_once_what_to_do_and_what_is_live(*, dry_run: bool) -> None:
    """A rejected load's mail said "Fix this in your source system" twice."""
    rejected = (str(RowsRejected(1, 2, LiveData.PREVIOUS)), "`xid` is blank (1 row, line 2)")
    load = as_dry_run(LOAD) if dry_run else LOAD
    callback, mail = notices_for(load, Outcome(LoadState.FAILED, rejected), live=LiveData.PREVIOUS)
    assert mail.body.count("Fix this in your source system") == 1
    assert mail.body.count("Your previous data is still live.") == 1
    assert "- 1 of 2 rows were rejected: they break the rules of the field map." in mail.body
    assert json.loads(callback.body)["errors"] == list(rejected)


def test_a_mail_about_a_discarded_load_says_once_what_to_do_and_what_is_live() -> None:
    problem = HoldDiscarded(("50 rows removed.",), "A test export.", LiveData.PREVIOUS)
    outcome = Outcome(LoadState.FAILED, (str(problem),), remedy=problem.advice)
    mail = notices_for(LOAD, outcome, live=LiveData.PREVIOUS)[1]
    assert mail.body.count("Your previous data is still live.") == 1
    assert mail.body.count("Fix the file, upload it again") == 1
    assert "our staff discarded it: A test export.\n" in mail.body


def test_an_error_that_is_nothing_but_advice_stays_in_the_mail() -> None:
    outcome = Outcome(LoadState.FAILED, ("Call us.",), remedy="Call us.")
    mail = notices_for(LOAD, outcome)[1]
    assert "What went wrong:\n- Call us.\n\nWhat to do: Call us.\n" in mail.body


def test_an_error_with_line_ends_stays_one_line_of_the_mail() -> None:
    outcome = Outcome(LoadState.FAILED, ("one\r\n\r\n- two\u2028three",))
    mail = notices_for(loads_asking(email="you@example.edu"), outcome)[0]
    assert "- one - two three\n" in mail.body


@pytest.mark.parametrize("result", [AttemptResult.OUTAGE, AttemptResult.LOST])
def test_staff_are_notified_of_our_failures_also_when_nobody_else_is(
    result: AttemptResult,
) -> None:
    attempts = [AttemptRecord(number, f"run-{number}", result) for number in range(1, 6)]
    notices = notices_for(loads_asking(), OURS, attempts, BOTH)
    assert [notice.destination for notice in notices] == ["a@example.org", "b@example.org", "staff"]
    assert [notice.channel for notice in notices] == [Channel.MAIL, Channel.MAIL, Channel.CHAT]
    assert notices[0].subject == "Staff: Not loaded: warehouse (iqu, qa)"
    assert f"- Attempt 5, run run-5: {result}" in notices[0].body
    assert "iqu.qa" in notices[0].body


@pytest.mark.parametrize(
    ("outcome", "called"),
    [(GOOD, "https://hc-ping.com/1b2c"), (BAD, "https://hc-ping.com/1b2c/fail")],
)
def test_a_heartbeat_elsewhere_hears_how_a_load_ended(outcome: Outcome, called: str) -> None:
    notices = notices_for(loads_asking(), outcome, heartbeat_url="https://hc-ping.com/1b2c")
    assert [(notice.channel, notice.destination) for notice in notices] == [
        (Channel.HEARTBEAT, called)
    ]


def test_a_dry_run_sends_no_heartbeat() -> None:
    asked = loads_asking()
    dry_run = replace(asked, request=replace(asked.request, dry_run=True))
    assert notices_for(dry_run, GOOD, heartbeat_url="https://hc-ping.com/1b2c") == ()


def test_a_customer_is_not_sent_looking_for_a_fault_of_ours() -> None:
    mail = notices_for(loads_asking(email="you@example.edu"), OURS)[0]
    assert "the fault is ours" in mail.body
    assert "Fix this" not in mail.body


def test_staff_are_not_notified_of_a_file_fault_or_of_a_success_after_retries() -> None:
    lost = AttemptRecord(1, "one", AttemptResult.LOST)
    refused = [lost, AttemptRecord(2, "two", AttemptResult.REFUSED)]
    published = [lost, AttemptRecord(2, "two", AttemptResult.PUBLISHED)]
    assert notices_for(loads_asking(), BAD, refused, BOTH) == ()
    assert notices_for(loads_asking(), GOOD, published, BOTH) == ()
    assert notices_for(loads_asking(), GOOD, [lost], BOTH) == ()


def test_a_mail_leads_to_the_loads_page() -> None:
    mail = notices_for(LOAD, BAD, public_urls=PublicUrls.shared("https://feeds.example.org"))[1]
    assert mail.body.endswith(f"\nPage: https://feeds.example.org/loads/{LOAD.job_id}\n")
    assert "Page:" not in notices_for(LOAD, BAD)[1].body
