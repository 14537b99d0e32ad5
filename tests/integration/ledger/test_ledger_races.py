"""Two that act on a load at the same moment: exactly one of them wins, on both engines."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import Load, Origin
from tests.integration.ledger.conftest import NOW, Accept
from tests.integration.ledger.steps import CANCELED, CHECK, hold, request, stored

ROUNDS = 40


@pytest.mark.parametrize("rival", ["cancel", "close", "begin"])
def test_of_a_claim_and_what_excludes_it_exactly_one_wins(
    ledger: Ledger, accept: Accept, rival: str
) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            load = accept()
            launch = request(ledger, load)
            ledger.attempts.begin(load, "run", NOW, launch=launch)

            def excludes(load: Load = load, launch: int = launch) -> bool:
                match rival:
                    case "cancel":
                        return ledger.loads.end(
                            load.job_id, CANCELED, (), NOW, only_after=1, canceled_by="ada"
                        )
                    case "close":
                        return ledger.attempts.close_lost(load.job_id, 1, NOW)
                again = ledger.attempts.begin(load, "again", NOW, launch=launch)
                return again is not None

            excluded = pool.submit(excludes)
            claimed = pool.submit(
                ledger.attempts.claim_publication, load.job_id, 1, CHECK, None, NOW
            )
            assert [excluded.result(), claimed.result()].count(True) == 1
            [first, *_] = ledger.attempts.of(load.job_id)
            assert (first.publishing_at is not None) is claimed.result()
            assert (first.result is None) is claimed.result()
            ledger.attempts.close_lost(load.job_id, 1, NOW, is_revoked=True)
            ledger.loads.end(load.job_id, CANCELED, (), NOW)


def test_an_attempt_never_begins_before_the_one_before_it(ledger: Ledger, accept: Accept) -> None:
    """Two daemons by mistake give one run to two workers, which look at the clock, then wait."""
    load, later = accept(), NOW + timedelta(seconds=1)
    launch = request(ledger, load)
    ledger.attempts.begin(load, "run", later, launch=launch)
    ledger.attempts.begin(load, "run", NOW, launch=launch)
    first, second = ledger.attempts.of(load.job_id)
    assert first.started_at == first.ended_at == second.started_at == later


def test_of_a_requeue_and_the_begin_of_its_run_exactly_one_wins(
    ledger: Ledger, accept: Accept
) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            load = accept()
            launch = request(ledger, load)
            requested = stored(ledger, load)
            requeued = pool.submit(ledger.queue.requeue, requested, NOW, is_failed_launch=True)
            begun = pool.submit(ledger.attempts.begin, load, "run", NOW, launch=launch)
            assert requeued.result() is (begun.result() is None)
            ledger.loads.end(load.job_id, CANCELED, (), NOW)


def test_of_two_loads_of_a_table_that_begin_at_once_only_the_first_does(
    ledger: Ledger, accept: Accept
) -> None:
    """Their runs were made by hand, so nobody requested them in order."""
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            pair = [accept(origin=Origin.DAGSTER) for _ in range(2)]
            begun = [pool.submit(ledger.attempts.begin, load, "run", NOW) for load in pair]
            assert [future.result() is not None for future in begun] == [True, False]
            for load in pair:
                ledger.loads.end(load.job_id, CANCELED, (), NOW)


def test_an_approval_and_the_request_of_a_later_load_leave_one_outstanding(
    ledger: Ledger, accept: Accept
) -> None:
    def approve_and_request(load: Load) -> int | None:
        ledger.holds.approve(load.job_id, "ada", "Yes.", NOW)
        return ledger.queue.request(load, NOW)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            held = accept()
            hold(ledger, held)
            later = accept()
            futures = [
                pool.submit(approve_and_request, held),
                pool.submit(ledger.queue.request, later, NOW),
            ]
            assert [future.result() is None for future in futures].count(False) == 1
            assert len(ledger.queue.outstanding()) == 1
            for load in (held, later):
                ledger.loads.end(load.job_id, CANCELED, (), NOW)
