"""Loads that do not start, loads that only wait for their turn, and what is said of both."""

from datetime import datetime

import pytest
from sqlalchemy import event

from alumniq_pipelines.core.access.public_urls import NO_PUBLIC_URLS
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.problems.outcome import NotStarted
from alumniq_pipelines.services import load_actions
from tests.integration.ledger.watching.conftest import (
    DUE,
    HOUR,
    MINUTE,
    Installation,
    targets_of,
    watch,
)
from tests.small_holds import hold_of


def fail_launches(installation: Installation, load: Load, count: int, now: datetime) -> None:
    queue = installation.ledger.queue
    for _ in range(count):
        assert queue.request(load, now) is not None
        assert queue.requeue(current(installation, load), now, is_failed_launch=True)


def current(installation: Installation, load: Load) -> Load:
    found = installation.ledger.loads.get(load.job_id)
    assert found is not None
    return found


def run(installation: Installation, load: Load, now: datetime) -> None:
    """Request a run, and let it begin an attempt."""
    launch = installation.ledger.queue.request(load, now)
    assert launch is not None
    assert installation.ledger.attempts.begin(load, "run", now, launch=launch) is not None


def end_unstarted(installation: Installation, load: Load, now: datetime) -> None:
    outcome = Outcome(LoadState.FAILED, (str(NotStarted()),), is_our_fault=True)
    assert installation.ledger.loads.end(load.job_id, outcome, [], now)


def test_loads_that_do_not_start_are_one_alert_until_they_have_begun(
    installation: Installation,
) -> None:
    """An overload hits many loads at once; the queue then stands still for the same reason."""
    targets = targets_of(2, 5)
    watch(installation, targets)
    loads = [installation.accept(target, DUE) for target in targets]
    for load in loads:
        fail_launches(installation, load, 3, DUE + MINUTE)
    fail_launches(installation, loads[0], 1, DUE + MINUTE)
    [notified] = installation.at(DUE + 2 * MINUTE)
    assert notified.notice.subject == "Staff: Loads do not start"
    assert "10 loads" in notified.notice.body
    assert f"{loads[0].job_id} of warehouse (iqu0, production)" in notified.notice.body
    assert "accepted 2026-03-05 03:00 UTC, failed launches: 4" in notified.notice.body
    assert "code server" in notified.notice.body
    assert "memory" in notified.notice.body
    later = [installation.subjects(DUE + minutes * MINUTE) for minutes in range(20, 200, 20)]
    assert [subjects for subjects in later if subjects] == []
    for load in loads:
        run(installation, load, DUE + 200 * MINUTE)
    assert installation.subjects(DUE + 200 * MINUTE) == ["Staff: Resolved: Loads do not start"]


def test_a_launch_that_fails_twice_is_no_incident(
    installation: Installation, target: Target
) -> None:
    fail_launches(installation, installation.accept(target, DUE), 2, DUE)
    assert installation.subjects(DUE + MINUTE) == []


def test_the_incident_is_over_when_the_load_was_canceled(
    installation: Installation, target: Target
) -> None:
    load = installation.accept(target, DUE)
    fail_launches(installation, load, 3, DUE)
    assert installation.subjects(DUE + MINUTE) == ["Staff: Loads do not start"]
    load_actions.cancel(
        installation.ledger, load.job_id, "ada", DUE + MINUTE, public_urls=NO_PUBLIC_URLS
    )
    assert installation.subjects(DUE + 2 * MINUTE) == ["Staff: Resolved: Loads do not start"]
    assert installation.kinds() == []


def test_a_load_that_never_started_is_our_fault_until_a_later_one_succeeds(
    installation: Installation, target: Target
) -> None:
    load = installation.accept(target, DUE)
    fail_launches(installation, load, 2, DUE)
    end_unstarted(installation, load, DUE)
    assert installation.subjects(DUE + MINUTE) == []  # staff have the load's outcome
    assert installation.kinds() == [Kind.ATTEMPTS_EXHAUSTED]
    [incident] = installation.ledger.incidents.list_open()
    assert "could not be started" in incident.condition.detail
    later = installation.accept(target, DUE + HOUR)
    run(installation, later, DUE + HOUR)
    installation.end(later, DUE + HOUR)
    assert installation.subjects(DUE + HOUR) == [
        "Staff: Resolved: Not loaded for reasons on our side: warehouse (iqu0, production)"
    ]


@pytest.mark.parametrize("attempts", [0, 5])
def test_a_load_that_a_person_canceled_is_not_our_fault(
    installation: Installation, target: Target, attempts: int
) -> None:
    load = installation.accept(target, DUE)
    for _ in range(attempts):
        run(installation, current(installation, load), DUE)
        installation.ledger.attempts.close_lost(
            load.job_id, current(installation, load).attempts, DUE
        )
        installation.ledger.queue.requeue(current(installation, load), None, is_failed_launch=False)
    fail_launches(installation, current(installation, load), 2, DUE)
    load_actions.cancel(installation.ledger, load.job_id, "ada", DUE, public_urls=NO_PUBLIC_URLS)
    installation.at(DUE + MINUTE)
    assert installation.kinds() == []


def test_loads_that_wait_behind_a_long_one_are_not_stuck(
    installation: Installation, target: Target
) -> None:
    installation.ledger.watches.remove(target, DUE)
    long, behind = installation.accept(target, DUE), installation.accept(target, DUE)
    run(installation, long, DUE)
    assert installation.subjects(DUE + 4 * HOUR + MINUTE) == [
        "Staff: A load is stuck: warehouse (iqu0, production)"
    ]
    [incident] = installation.ledger.incidents.list_open()
    assert long.job_id in incident.condition.detail
    installation.end(long, DUE + 5 * HOUR)
    run(installation, behind, DUE + 5 * HOUR)
    assert installation.subjects(DUE + 5 * HOUR + MINUTE) == [
        "Staff: Resolved: A load is stuck: warehouse (iqu0, production)"
    ]


def test_a_load_that_was_approved_after_days_is_not_stuck(
    installation: Installation, target: Target
) -> None:
    """It used to be reported as soon as it was approved, since it had been accepted long ago."""
    installation.ledger.watches.remove(target, DUE)
    load = installation.accept(target, DUE)
    run(installation, load, DUE)
    hold = hold_of(load, DUE)
    assert installation.ledger.holds.hold(hold, 1, Receipt("cafe", "e1"), [])
    approved = DUE + 72 * HOUR
    installation.ledger.holds.approve(load.job_id, "ada", "The merger is real.", approved)
    run(installation, current(installation, load), approved)
    assert installation.subjects(approved + MINUTE) == []
    assert installation.subjects(approved + 4 * HOUR + MINUTE) == [
        "Staff: A load is stuck: warehouse (iqu0, production)"
    ]


def test_the_queue_moves_however_many_newer_loads_have_not_begun(
    installation: Installation, target: Target
) -> None:
    """Only the newest 500 loads were looked at, of which none had begun yet."""
    first = installation.accept(target, DUE - HOUR)
    for _ in range(600):
        installation.accept(target, DUE - HOUR)
    run(installation, first, DUE)
    installation.end(first, DUE + MINUTE)
    assert installation.ledger.health.last_activity() == DUE + MINUTE
    installation.at(DUE + 2 * MINUTE)
    assert installation.kinds() == []


@pytest.mark.parametrize("waiting", [3, 300])
def test_a_monitoring_pass_costs_the_same_queries_however_many_loads_wait(
    installation: Installation, target: Target, waiting: int
) -> None:
    installation.ledger.watches.remove(target, DUE)
    for _ in range(waiting):
        installation.accept(target, DUE)
    installation.at(DUE + 5 * HOUR)
    statements: list[str] = []

    def record(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(installation.ledger.engine, "before_cursor_execute", record)
    installation.at(DUE + 5 * HOUR + MINUTE)
    event.remove(installation.ledger.engine, "before_cursor_execute", record)
    assert len(statements) <= 15
