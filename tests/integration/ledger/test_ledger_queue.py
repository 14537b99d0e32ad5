"""Which load is next, and who may take it from its line."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.public_urls import NO_PUBLIC_URLS
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import (
    HAND_MADE_TIMEOUT,
    Load,
    LoadRequest,
    LoadState,
    Origin,
    new_job_id,
)
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.api import BeingPublished
from alumniq_pipelines.services.load_actions import cancel
from tests.integration.ledger.conftest import NOW, Accept
from tests.integration.ledger.steps import CANCELED, CHECK, begin, hold, request, stored

FEEDS = ("warehouse", "members", "degrees", "awards")
LATER = NOW + timedelta(minutes=5)

AcceptFor = Callable[..., Load]


@pytest.fixture
def accept_for(ledger: Ledger, accept: Accept, target: Target) -> AcceptFor:
    """Accept loads by customer, environment and feed; `iqu`, `zed` and `abc` are customers."""
    for name in ("zed", "abc"):
        ledger.customers.add(Customer(name, name, f"alumniq-{name}"), NOW)

    def accept_load(
        customer: str = "iqu", feed: str = "warehouse", *, is_production: bool = False
    ) -> Load:
        environment = Environment.PRODUCTION if is_production else Environment.QA
        return accept(target=replace(target, customer=customer, environment=environment, feed=feed))

    return accept_load


def next_numbers(ledger: Ledger, limit: int = 100, *, later: bool = False) -> list[int]:
    """Return the numbers of the loads that are next, in order."""
    loads = ledger.queue.next_loads(FEEDS, limit, LATER if later else NOW)
    return [load.number for load in loads]


def numbers(loads: Sequence[Load]) -> list[int]:
    return [load.number for load in loads]


def test_only_the_oldest_unfinished_load_of_each_table_is_next(
    ledger: Ledger, accept_for: AcceptFor
) -> None:
    first, second = accept_for(), accept_for()
    other = accept_for(feed="members")
    assert next_numbers(ledger) == numbers([first, other])
    request(ledger, first)
    assert next_numbers(ledger) == [other.number]
    ledger.loads.end(first.job_id, CANCELED, (), NOW)
    assert set(next_numbers(ledger)) == set(numbers([second, other]))


def test_a_held_load_does_not_block_those_behind_it(ledger: Ledger, accept_for: AcceptFor) -> None:
    held, behind = accept_for(), accept_for()
    hold(ledger, held)
    assert next_numbers(ledger) == [behind.number]


def test_an_approved_load_waits_while_a_later_one_of_its_table_is_outstanding(
    ledger: Ledger, accept_for: AcceptFor
) -> None:
    held, later, last = accept_for(), accept_for(), accept_for()
    hold(ledger, held)
    begin(ledger, later)
    assert ledger.holds.approve(held.job_id, "ada", "Yes.", NOW)
    assert next_numbers(ledger) == []
    assert ledger.queue.request(stored(ledger, held), NOW) is None
    ledger.loads.end(later.job_id, CANCELED, (), NOW)
    assert next_numbers(ledger) == [held.number]
    assert ledger.queue.request(last, NOW) is None
    assert request(ledger, held) == stored(ledger, held).launch


def test_production_comes_before_qa(ledger: Ledger, accept_for: AcceptFor) -> None:
    qa = accept_for()
    production = accept_for("zed", is_production=True)
    own = accept_for(is_production=True)
    assert next_numbers(ledger) == numbers([production, own, qa])


def test_the_customer_with_the_fewest_outstanding_loads_comes_first(
    ledger: Ledger, accept_for: AcceptFor
) -> None:
    for feed in ("warehouse", "members"):
        request(ledger, accept_for("iqu", feed))
    request(ledger, accept_for("zed"))
    busiest = accept_for("iqu", "degrees")
    busy = accept_for("zed", "members")
    idle = accept_for("abc")
    assert next_numbers(ledger) == numbers([idle, busy, busiest])


def test_customers_take_turns_within_one_look(ledger: Ledger, accept_for: AcceptFor) -> None:
    mine = [accept_for("iqu", feed) for feed in FEEDS]
    other = [accept_for("zed", feed) for feed in FEEDS[:2]]
    expected = [mine[0], other[0], mine[1], other[1], mine[2], mine[3]]
    assert next_numbers(ledger) == numbers(expected)
    assert next_numbers(ledger, 3) == numbers(expected[:3])


def test_no_more_are_outstanding_than_may_be(ledger: Ledger, accept_for: AcceptFor) -> None:
    loads = [accept_for("iqu", feed) for feed in FEEDS]
    begin(ledger, loads[0])
    request(ledger, loads[1])
    assert next_numbers(ledger, 3) == [loads[2].number]
    assert next_numbers(ledger, 2) == []
    assert next_numbers(ledger, 1) == []


def test_a_load_that_waits_for_a_time_is_not_next_before_it_nor_are_those_behind_it(
    ledger: Ledger, accept_for: AcceptFor
) -> None:
    load, _ = accept_for(), accept_for()
    request(ledger, load)
    requested = stored(ledger, load)
    assert ledger.queue.requeue(requested, LATER, is_failed_launch=True)
    assert next_numbers(ledger) == []
    assert next_numbers(ledger, later=True) == [load.number]


def test_loads_of_feeds_that_are_gone_are_not_next_and_block_nobody(
    ledger: Ledger, accept_for: AcceptFor, target: Target
) -> None:
    gone = replace(target, feed="gone")
    ledger.loads.accept_all(
        [LoadRequest(new_job_id(), gone, "gone.csv", None, None) for _ in range(600)], NOW
    )
    good = accept_for()
    assert next_numbers(ledger, 8) == [good.number]
    assert len(ledger.queue.queued_of_other_feeds(FEEDS)) == 50


def test_a_load_behind_another_is_neither_requested_nor_begun(
    ledger: Ledger, accept_for: AcceptFor
) -> None:
    first, behind = accept_for(), accept_for()
    assert ledger.queue.request(behind, NOW) is None
    assert ledger.attempts.begin(behind, "run", NOW) is None
    begin(ledger, first)
    assert ledger.queue.request(behind, NOW) is None
    assert ledger.attempts.begin(behind, "run", NOW) is None
    assert stored(ledger, behind) == behind


def test_only_a_run_of_the_current_launch_begins(ledger: Ledger, accept_for: AcceptFor) -> None:
    load = accept_for()
    first = request(ledger, load)
    assert ledger.queue.requeue(stored(ledger, load), NOW, is_failed_launch=True)
    assert ledger.attempts.begin(load, "late", NOW, launch=first) is None
    second = request(ledger, load)
    assert second > first
    assert ledger.attempts.begin(load, "late", NOW, launch=first) is None
    assert ledger.attempts.begin(load, "run", NOW, launch=second)
    assert len(ledger.attempts.of(load.job_id)) == 1


def test_failed_launches_are_counted_until_an_attempt_begins(
    ledger: Ledger, accept_for: AcceptFor
) -> None:
    load = accept_for()
    for count in range(1, 4):
        request(ledger, load)
        assert ledger.queue.requeue(stored(ledger, load), NOW, is_failed_launch=True)
        assert (stored(ledger, load).failed_launches, stored(ledger, load).attempts) == (count, 0)
    begin(ledger, load)
    assert (stored(ledger, load).failed_launches, stored(ledger, load).attempts) == (0, 1)


def test_a_load_is_not_queued_again_while_its_attempt_is_open_or_by_an_old_look(
    ledger: Ledger, accept_for: AcceptFor
) -> None:
    load = accept_for()
    request(ledger, load)
    old_look = stored(ledger, load)
    assert ledger.queue.requeue(old_look, NOW, is_failed_launch=True)
    begin(ledger, load)
    assert not ledger.queue.requeue(old_look, NOW, is_failed_launch=True)
    running = stored(ledger, load)
    assert not ledger.queue.requeue(running, NOW, is_failed_launch=False)
    assert ledger.attempts.close_lost(load.job_id, 1, NOW)
    assert ledger.queue.requeue(running, NOW, is_failed_launch=False)


def test_a_load_made_by_hand_is_left_to_its_run_for_a_minute(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept(origin=Origin.DAGSTER)
    almost = NOW + HAND_MADE_TIMEOUT - timedelta(seconds=1)
    assert ledger.queue.next_loads(FEEDS, 1, almost) == []
    assert ledger.queue.next_loads(FEEDS, 1, NOW + HAND_MADE_TIMEOUT) == [load]


def test_a_load_made_by_hand_is_released_once_its_run_had_to_stand_back(
    ledger: Ledger, accept: Accept
) -> None:
    first, load = accept(), accept(origin=Origin.DAGSTER)
    assert ledger.attempts.begin(load, "by hand", NOW) is None
    ledger.queue.release(load.job_id)
    assert next_numbers(ledger) == [first.number]
    ledger.loads.end(first.job_id, CANCELED, (), NOW)
    assert next_numbers(ledger) == [load.number]


def test_releasing_shortens_no_wait_after_an_attempt(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    begin(ledger, load)
    ledger.attempts.close_lost(load.job_id, 1, NOW)
    assert ledger.queue.requeue(stored(ledger, load), LATER, is_failed_launch=False)
    ledger.queue.release(load.job_id)
    assert next_numbers(ledger) == []


def test_what_an_attempt_writes_late_changes_nothing(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    begin(ledger, load)
    ledger.attempts.close_lost(load.job_id, 1, NOW)
    assert ledger.queue.requeue(stored(ledger, load), NOW, is_failed_launch=False)
    begin(ledger, load)
    before = (stored(ledger, load), ledger.attempts.of(load.job_id))
    late, job_id = AttemptResult.PUBLISHED, load.job_id
    assert not ledger.attempts.claim_publication(job_id, 1, CHECK, None, LATER)
    assert not ledger.attempts.end(job_id, 1, late, LATER)
    assert not ledger.attempts.complete(job_id, 1, late, Outcome(LoadState.SUCCEEDED), (), LATER)
    assert not ledger.attempts.close_lost(job_id, 1, LATER)
    assert (stored(ledger, load), ledger.attempts.of(job_id)) == before


def test_nobody_closes_an_attempt_that_may_be_publishing_unless_it_was_revoked(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept()
    launch = request(ledger, load)
    ledger.attempts.begin(load, "run", NOW, launch=launch)
    assert ledger.attempts.claim_publication(load.job_id, 1, CHECK, None, NOW)
    assert ledger.attempts.begin(load, "again", NOW, launch=launch) is None
    assert not ledger.attempts.close_lost(load.job_id, 1, NOW)
    assert not ledger.loads.end(load.job_id, CANCELED, (), NOW)
    with pytest.raises(BeingPublished):
        cancel(ledger, load.job_id, "ada", NOW, public_urls=NO_PUBLIC_URLS)
    assert ledger.attempts.close_lost(load.job_id, 1, NOW, is_revoked=True)


def test_the_run_of_a_canceled_load_is_to_be_stopped_until_it_is(
    ledger: Ledger, accept_for: AcceptFor
) -> None:
    queued, requested, running = (accept_for(feed=feed) for feed in FEEDS[:3])
    request(ledger, requested)
    begin(ledger, running)
    for load in (queued, requested, running):
        cancel(ledger, load.job_id, "ada", NOW, public_urls=NO_PUBLIC_URLS)
    assert numbers(ledger.queue.stopping()) == numbers([requested, running])
    ledger.queue.mark_stopped(requested.job_id)
    assert numbers(ledger.queue.stopping()) == [running.number]
    [attempt] = ledger.attempts.of(running.job_id)
    assert attempt.result is AttemptResult.STOPPED
