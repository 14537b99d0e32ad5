"""A few threads handle many calls: each gets its own result, and no call delays others for long."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from webhook_gateway.http import batch_executor
from webhook_gateway.http.batch_executor import BatchExecutor

SECONDS = 10


class Worker:
    """Returns ten times each number of a batch, and a ValueError for negative ones.

    Numbers from 100 block their thread until `go_on` is set.
    """

    def __init__(self) -> None:
        """Start without batches."""
        self.batches: list[list[int]] = []
        self.slow_threads = threading.Semaphore(0)
        self.go_on = threading.Event()

    def work(self, calls: Iterator[int]) -> Sequence[int | Exception]:
        """Handle a batch."""
        taken = []
        for call in calls:
            taken.append(call)
            if call >= 100:
                self.slow_threads.release()
                assert self.go_on.wait(SECONDS)
        self.batches.append(taken)
        return [10 * number if number >= 0 else ValueError(str(number)) for number in taken]

    def wait_until_blocked(self) -> None:
        """Wait until a thread is blocked by a number."""
        assert self.slow_threads.acquire(timeout=SECONDS)


async def all_of(
    executor: BatchExecutor[int, int], numbers: Sequence[int]
) -> list[int | BaseException]:
    """Run all calls at once and return the result or exception of each."""
    calls = [executor.run(number) for number in numbers]
    async with asyncio.timeout(SECONDS):
        return await asyncio.gather(*calls, return_exceptions=True)


def test_each_call_gets_its_own_result_or_exception() -> None:
    numbers = [*range(90), -1, *range(90)] * 3
    for number, result in zip(
        numbers, asyncio.run(all_of(BatchExecutor(Worker().work), numbers)), strict=True
    ):
        if number < 0:
            assert isinstance(result, ValueError)
            assert str(result) == "-1"
        else:
            assert result == 10 * number


def test_calls_that_arrive_during_a_batch_are_the_next_one_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_executor, "BATCH_SECONDS", SECONDS)
    worker = Worker()

    async def check() -> None:
        executor = BatchExecutor(worker.work)
        first = asyncio.create_task(executor.run(100))
        await asyncio.to_thread(worker.wait_until_blocked)
        others = asyncio.create_task(all_of(executor, range(20)))
        await asyncio.sleep(0)
        worker.go_on.set()
        assert await others == [10 * number for number in range(20)]
        assert await first == 1_000

    asyncio.run(check())
    # The first call waited for none of those that arrived while it was handled.
    assert worker.batches == [[100], [*range(20)]]


def test_calls_that_arrive_together_are_one_batch() -> None:
    worker = Worker()

    async def check() -> None:
        executor = BatchExecutor(worker.work)
        for _ in range(5):
            assert await all_of(executor, range(20)) == [10 * number for number in range(20)]

    asyncio.run(check())
    assert worker.batches == 5 * [[*range(20)]]


def test_calls_that_arrive_while_results_are_delivered_are_handled() -> None:
    """The loop starts the next batch, so none may be left behind where batches end."""
    worker = Worker()

    async def call_repeatedly(executor: BatchExecutor[int, int], number: int) -> None:
        for step in range(200):
            assert await executor.run(number) == 10 * number
            for _ in range((number + step) % 7):
                await asyncio.sleep(0)

    async def check() -> None:
        executor = BatchExecutor(worker.work)
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*(call_repeatedly(executor, number) for number in range(20)))

    asyncio.run(check())
    assert sum(map(len, worker.batches)) == 4_000


def test_no_batch_exceeds_the_maximum_size() -> None:
    worker = Worker()
    asyncio.run(all_of(BatchExecutor(worker.work), [0] * 500))
    assert sum(map(len, worker.batches)) == 500
    assert max(map(len, worker.batches)) <= batch_executor.MAX_BATCH_SIZE


def test_slow_calls_run_in_parallel_and_delay_no_others() -> None:
    worker = Worker()
    numbers = [100 + index for index in range(batch_executor.MAX_THREADS - 1)]

    async def check() -> None:
        executor = BatchExecutor(worker.work)
        slow = asyncio.create_task(all_of(executor, numbers))
        for _ in numbers:  # each in a thread of its own
            await asyncio.to_thread(worker.wait_until_blocked)
        assert await all_of(executor, [1, 2]) == [10, 20]
        worker.go_on.set()
        assert await slow == [10 * number for number in numbers]
        batches = len(worker.batches)
        assert await all_of(executor, range(40)) == [10 * number for number in range(40)]
        assert len(worker.batches) - batches < 20  # threads that are no longer needed have stopped

    asyncio.run(check())


def test_there_are_never_more_threads_than_allowed() -> None:
    worker = Worker()
    numbers = [100 + index for index in range(3 * batch_executor.MAX_THREADS)]

    async def check() -> None:
        executor = BatchExecutor(worker.work)
        slow = asyncio.create_task(all_of(executor, numbers))
        for _ in range(batch_executor.MAX_THREADS):
            await asyncio.to_thread(worker.wait_until_blocked)
        await asyncio.sleep(3 * batch_executor.SCALE_CHECK_SECONDS)
        assert not worker.slow_threads.acquire(blocking=False)
        worker.go_on.set()
        assert await slow == [10 * number for number in numbers]

    asyncio.run(check())


def test_a_failing_handler_fails_its_whole_batch_and_the_next_batch_runs() -> None:
    faults = [ZeroDivisionError()]
    worker = Worker()

    def work(calls: Iterator[int]) -> Sequence[int | Exception]:
        if faults:
            list(calls)
            raise faults.pop()
        return worker.work(calls)

    async def check() -> None:
        executor = BatchExecutor(work)
        with pytest.raises(ZeroDivisionError):
            await executor.run(1)
        assert await executor.run(2) == 20

    asyncio.run(check())


def test_a_batch_that_fails_early_blocks_no_thread() -> None:
    def work(calls: Iterator[int]) -> Sequence[int | Exception]:
        next(calls)
        raise ZeroDivisionError

    async def check() -> None:
        # The traceback keeps every frame alive, the generator of the batch included.
        with pytest.raises(ZeroDivisionError) as caught:
            await executor.run(1)
        assert caught.traceback
        assert executor._started_at == {}

    executor = BatchExecutor[int, int](work)
    asyncio.run(check())


def test_a_canceled_call_gets_no_result_and_the_others_do() -> None:
    worker = Worker()

    async def check() -> None:
        executor = BatchExecutor(worker.work)
        gone = asyncio.create_task(executor.run(100))
        await asyncio.to_thread(worker.wait_until_blocked)
        gone.cancel()
        worker.go_on.set()
        assert await executor.run(3) == 30
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(check())


def test_the_executor_serves_one_event_loop_after_another() -> None:
    executor = BatchExecutor(Worker().work)
    for _ in range(3):
        assert asyncio.run(all_of(executor, range(30))) == [10 * number for number in range(30)]
