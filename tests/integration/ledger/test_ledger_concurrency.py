"""Many threads and processes at one ledger: nothing twice, nothing lost, nobody locked out."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import JobId, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
)
from tests.integration.ledger.conftest import NOW, Accept

WORKERS = 4
CALLBACK = Notice(Channel.CALLBACK, "https://iqu.example/done", "{}", audience=Audience.CUSTOMER)
SUCCESS = Outcome(LoadState.SUCCEEDED)
FAILURE = Outcome(LoadState.FAILED, ("It went wrong.",))
LEASE = timedelta(minutes=5)

Answer = TypeVar("Answer")


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    """Keep some processes ready: each takes a while to start."""
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    """Keep some threads ready."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield pool


@pytest.fixture(params=["threads", "processes"])
def workers(request: pytest.FixtureRequest) -> Executor:
    """Name who works at once."""
    pool: Executor = request.getfixturevalue(request.param)
    return pool


def live_through_loads(url: str, most: int, place: int) -> list[JobId]:
    """Accept loads and bring each to its end, as gateway, worker and sensors would."""
    del place
    target = Target("iqu", Environment.QA, "warehouse")
    done = []
    with closing(Ledger.open(url)) as ledger:
        for _ in range(most):
            request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1_000)
            job_id = ledger.loads.accept(request, NOW).job_id
            assert ledger.loads.mark_requested(job_id, NOW)
            attempt = ledger.loads.begin_attempt(job_id, f"run-{job_id}", NOW)
            assert attempt is not None
            ledger.loads.end_attempt(job_id, attempt.number, AttemptResult.PUBLISHED, NOW)
            assert ledger.loads.end(job_id, SUCCESS, [CALLBACK], NOW)
            done.append(job_id)
    return done


def end_all(url: str, job_ids: Sequence[JobId], place: int) -> list[bool]:
    """End every load, with an outcome that depends on who we are."""
    outcome = SUCCESS if place % 2 else FAILURE
    with closing(Ledger.open(url)) as ledger:
        return [ledger.loads.end(job_id, outcome, [CALLBACK] * 2, NOW) for job_id in job_ids]


def begin_all(url: str, job_ids: Sequence[JobId], place: int) -> list[int]:
    """Begin an attempt at every load."""
    with closing(Ledger.open(url)) as ledger:
        begun = [ledger.loads.begin_attempt(job_id, f"run-{place}", NOW) for job_id in job_ids]
    return [attempt.number for attempt in begun if attempt is not None]


def request_all(url: str, job_ids: Sequence[JobId], place: int) -> list[bool]:
    """Mark every load as requested."""
    del place
    with closing(Ledger.open(url)) as ledger:
        return [ledger.loads.mark_requested(job_id, NOW) for job_id in job_ids]


def claim_all(url: str, place: int) -> list[str]:
    """Claim notifications until none is due, recording a delivery for each."""
    del place
    sent: list[str] = []
    with closing(Ledger.open(url)) as ledger:
        while claimed := ledger.notifications.claim(NOW, LEASE, most=7):
            for notification in claimed:
                sent.append(notification.id)
                result = DeliveryResult(delivered=True, detail="200")
                ledger.notifications.record(notification, result, NOW)
    return sent


def attempts_seen(url: str, job_id: JobId, place: int) -> int:
    """Read a load's attempts."""
    del place
    with closing(Ledger.open(url)) as ledger:
        load = ledger.loads.get(job_id)
    assert load is not None
    return load.attempts


def migrate(url: str, place: int) -> None:
    """Migrate, look, and close."""
    del place
    with closing(Ledger.open(url)) as ledger:
        ledger.migrate()
        ledger.ping()


def at_once(workers: Executor, work: Callable[[int], Answer]) -> list[Answer]:
    """Do the work as often as there are workers, all at the same time."""
    return list(workers.map(work, range(WORKERS)))


def test_loads_live_through_side_by_side(
    workers: Executor, ledger: Ledger, ledger_url: str
) -> None:
    ledger.customers.add(Customer("iqu", "Inter-Quad University", "alumniq-iqu"), NOW)
    most = 25
    done = at_once(workers, partial(live_through_loads, ledger_url, most))
    ended = ledger.loads.find(states=[LoadState.SUCCEEDED], most=1_000)
    assert {load.job_id for load in ended} == {job_id for each in done for job_id in each}
    assert len(ended) == WORKERS * most
    assert len({load.number for load in ended}) == WORKERS * most
    assert len(ledger.notifications.claim(NOW, LEASE, most=1_000)) == WORKERS * most


def test_a_load_has_one_outcome_though_several_end_it_at_once(
    workers: Executor, ledger: Ledger, ledger_url: str, accept: Accept
) -> None:
    job_ids = [accept().job_id for _ in range(25)]
    answers = at_once(workers, partial(end_all, ledger_url, job_ids))
    for place, job_id in enumerate(job_ids):
        (winner,) = [worker for worker in range(WORKERS) if answers[worker][place]]
        load = ledger.loads.get(job_id)
        assert load is not None
        assert load.state is (SUCCESS if winner % 2 else FAILURE).state
        assert len(ledger.notifications.of(job_id)) == 2


def test_attempts_that_begin_at_once_are_each_counted(
    workers: Executor, ledger: Ledger, ledger_url: str, accept: Accept
) -> None:
    job_ids = [accept().job_id for _ in range(15)]
    begun = at_once(workers, partial(begin_all, ledger_url, job_ids))
    for place, job_id in enumerate(job_ids):
        assert sorted(numbers[place] for numbers in begun) == [1, 2, 3, 4]
        attempts = ledger.loads.attempts(job_id)
        assert [each.number for each in attempts] == [1, 2, 3, 4]
        assert [each.result for each in attempts] == [AttemptResult.LOST] * 3 + [None]


def test_a_load_is_requested_once_though_several_sensors_see_it(
    workers: Executor, ledger: Ledger, ledger_url: str, accept: Accept
) -> None:
    del ledger
    job_ids = [accept().job_id for _ in range(25)]
    answers = at_once(workers, partial(request_all, ledger_url, job_ids))
    assert [sum(each) for each in zip(*answers, strict=True)] == [1] * len(job_ids)


def test_no_notification_is_claimed_by_two_senders(
    workers: Executor, ledger: Ledger, ledger_url: str, accept: Accept
) -> None:
    for _ in range(20):
        ledger.loads.end(accept().job_id, SUCCESS, [CALLBACK] * 5, NOW)
    sent = Counter(
        notification
        for each in at_once(workers, partial(claim_all, ledger_url))
        for notification in each
    )
    assert len(sent) == 100
    assert set(sent.values()) == {1}


def test_several_may_migrate_at_once(workers: Executor, empty_url: str) -> None:
    at_once(workers, partial(migrate, empty_url))


def test_a_reader_does_not_wait_for_a_writer(
    workers: Executor, ledger: Ledger, ledger_url: str, accept: Accept
) -> None:
    load = accept()
    with ledger.database.writing() as connection:
        connection.exec_driver_sql("UPDATE loads SET attempts = 4")
        assert at_once(workers, partial(attempts_seen, ledger_url, load.job_id)) == [0] * WORKERS
