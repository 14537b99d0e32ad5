"""Many threads and processes on one ledger: nothing happens twice, is lost or starves."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState, new_job_id
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

Result = TypeVar("Result")
AcceptTables = Callable[[int], list[Load]]


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    """Yield a pool of processes that have started already."""
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    """Yield a pool of threads."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield pool


@pytest.fixture
def accept_tables(accept: Accept, target: Target) -> AcceptTables:
    """Accept one load for each of some tables."""

    def accept_for_tables(count: int) -> list[Load]:
        return [accept(target=replace(target, feed=f"feed-{index}")) for index in range(count)]

    return accept_for_tables


@pytest.fixture(params=["threads", "processes"])
def workers(request: pytest.FixtureRequest) -> Executor:
    """Name who works at once."""
    pool: Executor = request.getfixturevalue(request.param)
    return pool


def live_through_loads(url: str, limit: int, index: int) -> list[JobId]:
    """Accept loads of a table and bring each to its end, as gateway, sensor and worker would."""
    target = Target("iqu", Environment.QA, f"feed-{index}")
    done = []
    with closing(Ledger.open(url)) as ledger:
        for _ in range(limit):
            request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1_000)
            load = ledger.loads.accept(request, NOW)
            launch = ledger.queue.request(load, NOW)
            assert launch
            attempt = ledger.attempts.begin(load, f"run-{load.job_id}", NOW, launch=launch)
            assert attempt is not None
            published = AttemptResult.PUBLISHED
            assert ledger.attempts.complete(load.job_id, 1, published, SUCCESS, [CALLBACK], NOW)
            done.append(load.job_id)
    return done


def end_all(url: str, job_ids: Sequence[JobId], index: int) -> list[bool]:
    """End every load, with an outcome that depends on who we are."""
    outcome = SUCCESS if index % 2 else FAILURE
    with closing(Ledger.open(url)) as ledger:
        return [ledger.loads.end(job_id, outcome, [CALLBACK] * 2, NOW) for job_id in job_ids]


def begin_all(url: str, loads: Sequence[Load], index: int) -> list[int]:
    """Begin an attempt at every load."""
    with closing(Ledger.open(url)) as ledger:
        begun = [ledger.attempts.begin(load, f"run-{index}", NOW) for load in loads]
    return [attempt.number for attempt in begun if attempt is not None]


def request_all(url: str, loads: Sequence[Load], index: int) -> list[int | None]:
    """Request a run for every load."""
    del index
    with closing(Ledger.open(url)) as ledger:
        return [ledger.queue.request(load, NOW) for load in loads]


def claim_all(url: str, index: int) -> list[str]:
    """Claim notifications until none is due, recording a delivery for each."""
    del index
    sent: list[str] = []
    with closing(Ledger.open(url)) as ledger:
        while claimed := ledger.notifications.claim(NOW, LEASE, limit=7):
            for notification in claimed:
                sent.append(notification.id)
                result = DeliveryResult(delivered=True, detail="200")
                ledger.notifications.record(notification, result, NOW)
    return sent


def attempts_seen(url: str, job_id: JobId, index: int) -> int:
    """Read a load's attempts."""
    del index
    with closing(Ledger.open(url)) as ledger:
        load = ledger.loads.get(job_id)
    assert load is not None
    return load.attempts


def migrate(url: str, index: int) -> None:
    """Migrate, look, and close."""
    del index
    with closing(Ledger.open(url)) as ledger:
        ledger.migrate()
        ledger.ping()


def at_once(workers: Executor, work: Callable[[int], Result]) -> list[Result]:
    """Run the work once per worker, all at the same time."""
    return list(workers.map(work, range(WORKERS)))


def test_loads_live_through_side_by_side(
    workers: Executor, ledger: Ledger, ledger_url: str
) -> None:
    ledger.customers.add(Customer("iqu", "Inter-Quad University", "alumniq-iqu"), NOW)
    limit = 25
    done = at_once(workers, partial(live_through_loads, ledger_url, limit))
    ended = ledger.loads.find(states=[LoadState.SUCCEEDED], limit=1_000)
    assert {load.job_id for load in ended} == {job_id for job_ids in done for job_id in job_ids}
    assert len(ended) == WORKERS * limit
    assert len({load.number for load in ended}) == WORKERS * limit
    assert len(ledger.notifications.claim(NOW, LEASE, limit=1_000)) == WORKERS * limit


def test_a_load_has_one_outcome_though_several_end_it_at_once(
    workers: Executor, ledger: Ledger, ledger_url: str, accept: Accept
) -> None:
    job_ids = [accept().job_id for _ in range(25)]
    results = at_once(workers, partial(end_all, ledger_url, job_ids))
    for index, job_id in enumerate(job_ids):
        (winner,) = [worker for worker in range(WORKERS) if results[worker][index]]
        load = ledger.loads.get(job_id)
        assert load is not None
        assert load.state is (SUCCESS if winner % 2 else FAILURE).state
        assert len(ledger.notifications.of(job_id)) == 2


def test_attempts_that_begin_at_once_are_each_counted(
    workers: Executor, ledger: Ledger, ledger_url: str, accept_tables: AcceptTables
) -> None:
    loads = accept_tables(15)
    begun = at_once(workers, partial(begin_all, ledger_url, loads))
    for index, load in enumerate(loads):
        assert sorted(numbers[index] for numbers in begun) == [1, 2, 3, 4]
        attempts = ledger.attempts.of(load.job_id)
        assert [attempt.number for attempt in attempts] == [1, 2, 3, 4]
        assert [attempt.result for attempt in attempts] == [AttemptResult.LOST] * 3 + [None]


def test_a_load_is_requested_once_though_several_sensors_see_it(
    workers: Executor, ledger_url: str, accept_tables: AcceptTables
) -> None:
    loads = accept_tables(25)
    results = at_once(workers, partial(request_all, ledger_url, loads))
    for launches in zip(*results, strict=True):
        assert [launch for launch in launches if launch] == [1]


def test_of_a_table_one_load_is_requested_though_several_sensors_see_all(
    workers: Executor, ledger: Ledger, ledger_url: str, accept: Accept
) -> None:
    loads = [accept() for _ in range(10)]
    results = at_once(workers, partial(request_all, ledger_url, loads))
    assert [len([launch for launch in row if launch]) for row in zip(*results, strict=True)] == [
        1,
        *[0] * 9,
    ]
    assert [load.job_id for load in ledger.queue.outstanding()] == [loads[0].job_id]


def test_no_notification_is_claimed_by_two_senders(
    workers: Executor, ledger: Ledger, ledger_url: str, accept: Accept
) -> None:
    for _ in range(20):
        ledger.loads.end(accept().job_id, SUCCESS, [CALLBACK] * 5, NOW)
    sent = Counter(
        notification
        for claimed in at_once(workers, partial(claim_all, ledger_url))
        for notification in claimed
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
