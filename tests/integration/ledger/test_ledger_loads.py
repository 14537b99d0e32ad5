from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, StatementError

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import (
    JobId,
    Load,
    LoadRequest,
    LoadState,
    Origin,
    new_job_id,
)
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, CheckRecord, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice
from alumniq_pipelines.core.problems.command import UnknownCustomer
from tests.integration.ledger.conftest import NOW, Accept

LATER = NOW + timedelta(minutes=5)
COUNTS = Counts(rows_read=10, rows_accepted=8, rows_rejected=2)
SUCCESS = Outcome(LoadState.SUCCEEDED, counts=Counts(10, 10, 0))
FAILURE = Outcome(LoadState.FAILED, ("Line 3 is ragged.", "Größe: ünusable"), COUNTS)
CALLBACK = Notice(
    Channel.CALLBACK,
    "https://iqu.example/done",
    '{"status": "SUCCESS"}',
    audience=Audience.CUSTOMER,
)
MAIL = Notice(Channel.MAIL, "ada@iqu.example", "All is well.", "Loaded", audience=Audience.CUSTOMER)


def test_an_accepted_load_reads_back_as_it_was_answered(ledger: Ledger, target: Target) -> None:
    request = LoadRequest(
        job_id=new_job_id(),
        target=target,
        filename="2026/märz & 100% #1.csv",
        etag="9b2c",
        size_bytes=5_000_000_000,
        notify_email="ada@iqu.example,bob@iqu.example",
        notify_webhook="https://iqu.example/done?x=1",
    )
    load = ledger.loads.accept(request, NOW)
    assert load.state is LoadState.QUEUED
    assert load.accepted_at == NOW
    assert ledger.loads.get(request.job_id) == load


def test_times_are_aware_and_in_utc_whatever_zone_they_came_in(
    ledger: Ledger, target: Target
) -> None:
    request = LoadRequest(new_job_id(), target, "warehouse.csv", None, None)
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    load = ledger.loads.accept(request, tokyo)
    stored = ledger.loads.get(request.job_id)
    assert stored == load
    assert stored.accepted_at.utcoffset() == timedelta(0)
    assert load.accepted_at.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    with pytest.raises(StatementError, match="times with a time zone"):
        ledger.queue.request(load, datetime(2026, 3, 1))  # noqa: DTZ001 - the point


def test_numbers_grow_with_acceptance(accept: Accept) -> None:
    numbers = [accept().number for _ in range(5)]
    assert numbers == sorted(set(numbers))


def test_a_job_id_is_accepted_once(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    with pytest.raises(IntegrityError):
        accept(job_id=load.job_id, filename="other.csv")
    assert ledger.loads.get(load.job_id) == load


def test_a_load_of_no_customer_is_refused(ledger: Ledger) -> None:
    stranger = Target("zed", Environment.QA, "warehouse")
    with pytest.raises(UnknownCustomer):
        ledger.loads.accept(LoadRequest(new_job_id(), stranger, "w.csv", None, None), NOW)
    assert ledger.loads.find() == []


def test_what_was_never_accepted_is_not_found(ledger: Ledger, target: Target) -> None:
    nothing = JobId("nothing")
    request = LoadRequest(nothing, target, "w.csv", None, None)
    unknown = Load(1, request, LoadState.QUEUED, 0, accepted_at=NOW)
    assert ledger.loads.get(nothing) is None
    assert ledger.loads.by_run("nothing") is None
    assert ledger.attempts.of(nothing) == []
    assert not ledger.queue.request(unknown, NOW)
    assert not ledger.queue.requeue(unknown, NOW, is_failed_launch=True)
    assert ledger.attempts.begin(unknown, "run", NOW) is None
    assert not ledger.loads.end(nothing, SUCCESS, [CALLBACK], NOW)
    assert ledger.notifications.of(nothing) == []


def test_a_load_is_requested_once(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    assert ledger.queue.request(load, NOW) == 1
    assert ledger.queue.request(load, LATER) is None
    requested = replace(load, state=LoadState.REQUESTED, requested_at=NOW, launch=1)
    assert ledger.loads.get(load.job_id) == requested
    assert ledger.queue.outstanding() == [requested]


def test_an_attempt_is_counted_and_known_by_its_run(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    assert ledger.attempts.begin(load, "run-1", NOW) == AttemptRecord(1, "run-1", started_at=NOW)
    running = ledger.loads.by_run("run-1")
    assert running == replace(
        load, state=LoadState.RUNNING, attempts=1, run_id="run-1", started_at=NOW
    )
    assert ledger.queue.outstanding() == [running]


def test_attempts_count_over_step_retries_and_run_retries(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    for run in ("run-1", "run-1", "run-2"):
        ledger.attempts.begin(load, run, NOW)
    assert [attempt.number for attempt in ledger.attempts.of(load.job_id)] == [1, 2, 3]
    for run in ("run-1", "run-2"):
        found = ledger.loads.by_run(run)
        assert found is not None
        assert (found.attempts, found.run_id, found.started_at) == (3, "run-2", NOW)


def test_a_new_attempt_closes_one_left_open_as_lost(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    ledger.attempts.begin(load, "run-2", LATER)
    assert ledger.attempts.of(load.job_id) == [
        AttemptRecord(1, "run-1", AttemptResult.LOST, started_at=NOW, ended_at=LATER),
        AttemptRecord(2, "run-2", started_at=LATER),
    ]


def test_an_attempt_is_closed_once(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    errors = ("Line 3 is ragged.",)
    refused = AttemptResult.REFUSED
    check = CheckRecord(counts=COUNTS)
    ledger.attempts.end(load.job_id, 1, refused, NOW, errors=errors, check=check)
    ledger.attempts.end(load.job_id, 1, AttemptResult.PUBLISHED, LATER)
    expected = AttemptRecord(1, "run-1", refused, errors, COUNTS, NOW, NOW)
    assert ledger.attempts.of(load.job_id) == [expected]


def test_closing_an_attempt_leaves_the_others_alone(
    ledger: Ledger, accept: Accept, target: Target
) -> None:
    load, other = accept(), accept(target=replace(target, feed="members"))
    for either in (load, other):
        ledger.attempts.begin(either, "run", NOW)
    ledger.attempts.end(load.job_id, 1, AttemptResult.PUBLISHED, NOW)
    assert ledger.attempts.of(other.job_id) == [AttemptRecord(1, "run", started_at=NOW)]


def test_a_load_whose_run_is_gone_waits_again(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    launch = ledger.queue.request(load, NOW)
    assert launch
    ledger.attempts.begin(load, "run-1", NOW, launch=launch)
    [running] = ledger.queue.outstanding()
    assert ledger.attempts.close_lost(load.job_id, 1, LATER)
    assert ledger.queue.requeue(running, LATER, is_failed_launch=False)
    waiting = ledger.loads.get(load.job_id)
    assert waiting == replace(
        running,
        state=LoadState.QUEUED,
        requested_at=None,
        launch=launch + 1,
        next_attempt_at=LATER,
    )
    lost = AttemptRecord(1, "run-1", AttemptResult.LOST, started_at=NOW, ended_at=LATER)
    assert ledger.attempts.of(load.job_id) == [lost]
    assert not ledger.queue.requeue(running, LATER, is_failed_launch=False)


@pytest.mark.parametrize("outcome", [SUCCESS, FAILURE])
def test_an_outcome_and_its_notifications_are_saved_together(
    ledger: Ledger, accept: Accept, outcome: Outcome
) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    assert ledger.loads.end(load.job_id, outcome, [CALLBACK, MAIL], LATER)
    ended = ledger.loads.get(load.job_id)
    assert ended is not None
    assert (ended.state, ended.ended_at, ended.errors) == (outcome.state, LATER, outcome.errors)
    assert ended.counts == outcome.counts
    assert [notification.notice for notification in ledger.notifications.of(load.job_id)] == [
        CALLBACK,
        MAIL,
    ]


def test_characters_that_no_database_stores_do_not_block_the_notifications_of_an_outcome(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept()
    odd = replace(MAIL, subject="a\ud800b", body="The column x\0y is unknown.")
    outcome = Outcome(LoadState.FAILED, ("The column x\0y is unknown.", "\ud800"))
    assert ledger.loads.end(load.job_id, outcome, [odd], LATER)
    (notification,) = ledger.notifications.of(load.job_id)
    assert (notification.notice.subject, notification.notice.body) == (
        "a?b",
        "The column x\ufffdy is unknown.",
    )
    ended = ledger.loads.get(load.job_id)
    assert ended is not None
    assert ended.errors == outcome.errors


def test_an_outcome_never_changes(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.loads.end(load.job_id, FAILURE, [CALLBACK], NOW)
    ended = ledger.loads.get(load.job_id)
    assert not ledger.loads.end(load.job_id, SUCCESS, [MAIL], LATER)
    assert not ledger.queue.request(load, LATER)
    assert not ledger.queue.requeue(load, LATER, is_failed_launch=True)
    assert ledger.attempts.begin(load, "run-2", LATER) is None
    assert ledger.loads.get(load.job_id) == ended
    assert [notification.notice for notification in ledger.notifications.of(load.job_id)] == [
        CALLBACK
    ]
    assert ledger.attempts.of(load.job_id) == []


def test_an_outcome_is_not_saved_without_its_notifications(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    nothing: Any = None
    broken = replace(MAIL, body=nothing)
    with pytest.raises(IntegrityError):
        ledger.loads.end(load.job_id, SUCCESS, [CALLBACK, broken], NOW)
    assert ledger.loads.get(load.job_id) == load
    assert ledger.notifications.of(load.job_id) == []


def test_an_attempt_left_open_is_lost_when_the_load_ends(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    ledger.loads.end(load.job_id, FAILURE, [], LATER)
    lost = AttemptRecord(1, "run-1", AttemptResult.LOST, started_at=NOW, ended_at=LATER)
    assert ledger.attempts.of(load.job_id) == [lost]


@pytest.mark.parametrize("state", [LoadState.QUEUED, LoadState.REQUESTED, LoadState.RUNNING])
def test_only_a_final_state_ends_a_load(ledger: Ledger, accept: Accept, state: LoadState) -> None:
    load = accept()
    with pytest.raises(ValueError, match="does not end a load"):
        ledger.loads.end(load.job_id, Outcome(state), [], NOW)
    assert ledger.loads.get(load.job_id) == load


def test_loads_are_found_newest_first_by_customer_target_and_state(
    ledger: Ledger, accept: Accept, target: Target
) -> None:
    ledger.customers.add(Customer("zed", "Zed College", "alumniq-zed"), NOW)
    first, second = accept(), accept()
    degrees = accept(target=replace(target, feed="warehouse-degrees"))
    production = accept(target=replace(target, environment=Environment.PRODUCTION))
    foreign = accept(target=replace(target, customer="zed"))
    assert ledger.loads.find() == [foreign, production, degrees, second, first]
    assert ledger.loads.find(limit=2) == [foreign, production]
    assert ledger.loads.find(customer="iqu") == [production, degrees, second, first]
    assert ledger.loads.find(target=target) == [second, first]
    ledger.queue.request(first, NOW)
    states = (LoadState.REQUESTED, LoadState.RUNNING)
    assert [load.number for load in ledger.loads.find(states=states)] == [first.number]
    assert ledger.loads.find(target=target, states=[LoadState.QUEUED]) == [second]


def test_the_last_accepted_file_is_the_newest_that_a_webhook_named(
    ledger: Ledger, accept: Accept, target: Target
) -> None:
    assert ledger.loads.last_accepted(target) is None
    accept(filename="first.csv")
    second = accept(filename="second.csv")
    accept(filename="third.csv", origin=Origin.DAGSTER)
    accept(filename="elsewhere.csv", target=replace(target, environment=Environment.PRODUCTION))
    assert ledger.loads.last_accepted(target) == second


def test_versions_are_listed_newest_first_and_recorded_once(
    ledger: Ledger, accept: Accept, target: Target
) -> None:
    versions = [
        Version(
            target=target,
            number=load.number,
            job_id=load.job_id,
            rows=10,
            sha256="0" * 64,
            etag=load.request.etag,
            relation="rel",
            published_at=NOW,
        )
        for load in (accept(), accept(etag=None))
    ]
    for version in (*versions, replace(versions[0], rows=99)):
        ledger.versions.record(version, LATER)
    assert ledger.versions.of(target) == versions[::-1]
    assert ledger.versions.of(target, limit=1) == versions[1:]
    assert ledger.versions.of(replace(target, feed="warehouse-degrees")) == []
