"""Held loads: every way on is taken once, with its audit entry and its notifications."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.core.feeds.field_map import FieldMap, Threshold
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import Decision, HeldRows, Hold
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice
from tests.accepted_rows import small_field_map
from tests.integration.ledger.conftest import NOW, Accept, version_of

LATER = NOW + timedelta(hours=1)
COUNTS = Counts(10, 9, 1)
CHANGES = Changes(1, 2, 30, 4, {"city": 2})
WARNINGS = (Cause("reference", "nation", "`nation` is no country", 3, 7, "warning", "Fix it."),)
FIELD_MAP: FieldMap = small_field_map("warehouse")
STAFF = Notice(Channel.MAIL, "ops@example.org", "It waits.", "Held", audience=Audience.STAFF)
CUSTOMER = Notice(
    Channel.MAIL, "ada@iqu.example", "It failed.", "Failed", audience=Audience.CUSTOMER
)
FAILED = Outcome(LoadState.FAILED, ("Too much.",), COUNTS, CHANGES)


@pytest.fixture
def held(ledger: Ledger, accept: Accept) -> Load:
    """Accept a load, and hold it at its first attempt."""
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    assert ledger.holds.hold(hold_of(load), 1, Receipt("cafe", "e1"), [STAFF])
    return load


def hold_of(load: Load) -> Hold:
    rows = HeldRows(
        digest="beef",
        field_map=FIELD_MAP,
        table="warehouse",
        columns=("xid", "batch"),
        rows=9,
        sha256="cafe",
        etag="e1",
    )
    return Hold(
        job_id=load.job_id,
        held=rows,
        counts=COUNTS,
        changes=CHANGES,
        reasons=("30 rows removed.",),
        held_at=NOW,
        expires_at=NOW + timedelta(days=7),
        warnings=WARNINGS,
    )


def state(ledger: Ledger, load: Load) -> LoadState:
    found = ledger.loads.get(load.job_id)
    assert found
    return found.state


def audit_entries(ledger: Ledger, load: Load) -> list[tuple[str, str]]:
    wanted = select(audit.c.actor, audit.c.action).where(audit.c.subject == load.job_id)
    with ledger.database.reading() as connection:
        return [(actor, action) for actor, action in connection.execute(wanted)]


def test_a_held_load_stores_all_that_publishing_needs_and_notifies_staff_alone(
    ledger: Ledger, held: Load
) -> None:
    found = ledger.loads.get(held.job_id)
    assert found
    assert (found.state, found.counts, found.changes) == (LoadState.HELD, COUNTS, CHANGES)
    assert ledger.holds.get(held.job_id) == hold_of(held)
    assert ledger.holds.undecided() == [hold_of(held)]
    [attempt] = ledger.attempts.of(held.job_id)
    assert (attempt.result, attempt.sha256, attempt.etag) == (AttemptResult.HELD, "cafe", "e1")
    assert attempt.changes == CHANGES
    assert found.warnings == attempt.warnings == WARNINGS
    assert [notification.notice for notification in ledger.notifications.of(held.job_id)] == [STAFF]


def test_a_held_load_is_nobodys_unfinished_business(ledger: Ledger, held: Load) -> None:
    assert not ledger.queue.outstanding()
    assert not ledger.queue.requeue(held, LATER, is_failed_launch=False)
    assert ledger.attempts.begin(held, "run-2", LATER) is None
    assert state(ledger, held) is LoadState.HELD


def test_a_load_that_moved_on_is_not_held(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    ledger.loads.end(load.job_id, FAILED, [CUSTOMER], NOW)
    assert not ledger.holds.hold(hold_of(load), 1, None, [STAFF])
    assert ledger.holds.get(load.job_id) is None
    assert [notification.notice for notification in ledger.notifications.of(load.job_id)] == [
        CUSTOMER
    ]


def test_approving_asks_for_another_run(ledger: Ledger, held: Load) -> None:
    assert ledger.holds.approve(held.job_id, "ada", "The merger is real.", LATER)
    assert [load.job_id for load in ledger.queue.next_loads(["warehouse"], 1, LATER)] == [
        held.job_id
    ]
    hold = ledger.holds.get(held.job_id)
    assert hold
    assert (hold.decision, hold.actor, hold.reason) == (
        Decision.APPROVED,
        "ada",
        "The merger is real.",
    )
    assert hold.decided_at == LATER
    assert audit_entries(ledger, held) == [("ada", "held load approved")]
    assert not ledger.holds.undecided()


def test_a_later_load_that_runs_comes_before_an_approved_one(
    ledger: Ledger, held: Load, accept: Accept
) -> None:
    """The approved load was number 1 in the queue while another load of its table ran."""
    later = accept()
    ledger.attempts.begin(later, "run-2", NOW)
    assert ledger.holds.approve(held.job_id, "ada", "The merger is real.", LATER)
    approved = ledger.loads.get(held.job_id)
    assert approved
    assert ledger.loads.queue_position(approved) == 2


def test_discarding_ends_the_load_and_notifies_its_customer(ledger: Ledger, held: Load) -> None:
    discarded = Decision.DISCARDED
    assert ledger.holds.end(
        held.job_id, discarded, FAILED, [CUSTOMER], LATER, actor="ada", reason="A wrong export."
    )
    found = ledger.loads.get(held.job_id)
    assert found
    assert (found.state, found.errors, found.ended_at) == (LoadState.FAILED, ("Too much.",), LATER)
    assert CUSTOMER in [
        notification.notice for notification in ledger.notifications.of(held.job_id)
    ]
    assert audit_entries(ledger, held) == [("ada", "held load discarded")]


def test_of_many_decisions_at_once_exactly_one_counts(ledger: Ledger, held: Load) -> None:
    def decide(index: int) -> bool:
        if index % 2:
            return ledger.holds.approve(held.job_id, f"a{index}", "Yes.", LATER)
        return ledger.holds.end(held.job_id, Decision.EXPIRED, FAILED, [CUSTOMER], LATER)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(decide, range(16))) == 1
    assert len(audit_entries(ledger, held)) == 1


def test_thresholds_of_a_subscription_are_stored_by_kind(ledger: Ledger, target: Target) -> None:
    own = {"removed": Threshold(rows=500), "added": Threshold(percent=50)}
    ledger.customers.subscribe(Subscription(target, thresholds=own), NOW)
    found = ledger.customers.subscription(target)
    assert found
    assert found.thresholds == own


def test_a_hold_is_due_once_it_has_expired(ledger: Ledger, held: Load) -> None:
    assert ledger.holds.due(LATER) == []
    assert ledger.holds.due(NOW + timedelta(days=7)) == [hold_of(held)]


@pytest.mark.parametrize("table", ["same", "other"])
@pytest.mark.parametrize("later_load", ["published", "found its file live"])
def test_a_hold_is_due_once_a_later_load_of_its_table_is_live(
    ledger: Ledger, held: Load, accept: Accept, later_load: str, table: str
) -> None:
    target = held.target if table == "same" else replace(held.target, feed="warehouse-degrees")
    later = accept(target=target)
    ledger.attempts.begin(later, "run-2", NOW)
    if later_load == "published":
        ledger.versions.record(version_of(later), NOW)
    else:
        ledger.attempts.end(later.job_id, 1, AttemptResult.UNCHANGED, NOW)
    due = ledger.holds.due(LATER)
    assert due == ([hold_of(held)] if table == "same" else [])
