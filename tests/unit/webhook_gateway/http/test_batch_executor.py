"""Few threads work many calls off: each its own answer, nobody held up for long by another."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from webhook_gateway.http import batch_executor
from webhook_gateway.http.batch_executor import BatchExecutor

SECONDS = 10


class Worker:
    """Answers ten times a number, all that it takes in one turn; refuses negative ones.

    Numbers of a hundred and more hold their lane up until `go_on` is set.
    """

    def __init__(self) -> None:
        """Begin with no turn taken."""
        self.batches: list[list[int]] = []
        self.slow_threads = threading.Semaphore(0)
        self.go_on = threading.Event()

    def work(self, calls: Iterator[int]) -> Sequence[int | Exception]:
        """Work a turn off."""
        taken = []
        for call in calls:
            taken.append(call)
            if call >= 100:
                self.slow_threads.release()
                assert self.go_on.wait(SECONDS)
        self.batches.append(taken)
        return [10 * number if number >= 0 else ValueError(str(number)) for number in taken]

    def wait_until_held_up(self) -> None:
        """Wait until a lane has met a number that holds it up."""
        assert self.slow_threads.acquire(timeout=SECONDS)


async def all_of(
    worked: BatchExecutor[int, int], numbers: Sequence[int]
) -> list[int | BaseException]:
    """Ask for all at once, and answer what came of each."""
    asked = [worked.answer(number) for number in numbers]
    async with asyncio.timeout(SECONDS):
        return await asyncio.gather(*asked, return_exceptions=True)


def test_each_call_gets_its_own_answer_or_its_own_refusal() -> None:
    numbers = [*range(90), -1, *range(90)] * 3
    for number, result in zip(
        numbers, asyncio.run(all_of(BatchExecutor(Worker().work), numbers)), strict=True
    ):
        if number < 0:
            assert isinstance(result, ValueError)
            assert str(result) == "-1"
        else:
            assert result == 10 * number


def test_waiting_calls_are_handled_in_few_batches_and_in_order() -> None:
    worker = Worker()

    async def ask() -> None:
        worked = BatchExecutor(worker.work)
        first = asyncio.create_task(worked.answer(100))
        await asyncio.to_thread(worker.wait_until_held_up)
        others = asyncio.create_task(all_of(worked, range(20)))
        await asyncio.sleep(0)
        worker.go_on.set()
        assert await others == [10 * number for number in range(20)]
        assert await first == 1_000

    asyncio.run(ask())
    assert sorted(number for batch in worker.batches for number in batch) == [*range(20), 100]
    assert all(batch == sorted(batch) or batch[0] == 100 for batch in worker.batches)


def test_no_batch_exceeds_the_maximum_size() -> None:
    worker = Worker()
    asyncio.run(all_of(BatchExecutor(worker.work), [0] * 500))
    assert sum(map(len, worker.batches)) == 500
    assert max(map(len, worker.batches)) <= batch_executor.MAX_BATCH_SIZE


def test_slow_calls_run_in_parallel_and_delay_nobody_else() -> None:
    worker = Worker()
    numbers = [100 + index for index in range(batch_executor.MAX_THREADS - 1)]

    async def ask() -> None:
        worked = BatchExecutor(worker.work)
        slow = asyncio.create_task(all_of(worked, numbers))
        for _ in numbers:  # each of them in a lane of its own
            await asyncio.to_thread(worker.wait_until_held_up)
        assert await all_of(worked, [1, 2]) == [10, 20]
        worker.go_on.set()
        assert await slow == [10 * number for number in numbers]
        batches = len(worker.batches)
        assert await all_of(worked, range(40)) == [10 * number for number in range(40)]
        assert len(worker.batches) - batches < 20  # lanes that were needed no more are closed

    asyncio.run(ask())


def test_there_are_never_more_threads_than_allowed() -> None:
    worker = Worker()
    numbers = [100 + index for index in range(3 * batch_executor.MAX_THREADS)]

    async def ask() -> None:
        worked = BatchExecutor(worker.work)
        slow = asyncio.create_task(all_of(worked, numbers))
        for _ in range(batch_executor.MAX_THREADS):
            await asyncio.to_thread(worker.wait_until_held_up)
        await asyncio.sleep(3 * batch_executor.SCALE_CHECK_SECONDS)
        assert not worker.slow_threads.acquire(blocking=False)
        worker.go_on.set()
        assert await slow == [10 * number for number in numbers]

    asyncio.run(ask())


def test_a_failing_handler_fails_its_whole_batch_and_the_next_batch_runs() -> None:
    faults = [ZeroDivisionError()]
    worker = Worker()

    def work(calls: Iterator[int]) -> Sequence[int | Exception]:
        if faults:
            list(calls)
            raise faults.pop()
        return worker.work(calls)

    async def ask() -> None:
        worked = BatchExecutor(work)
        with pytest.raises(ZeroDivisionError):
            await worked.answer(1)
        assert await worked.answer(2) == 20

    asyncio.run(ask())


def test_a_batch_that_fails_early_blocks_no_thread() -> None:
    def work(calls: Iterator[int]) -> Sequence[int | Exception]:
        next(calls)
        raise ZeroDivisionError

    async def ask() -> None:
        with pytest.raises(
            ZeroDivisionError
        ) as caught:  # with its trace, and so all it went through
            await worked.answer(1)
        assert caught.traceback
        assert worked._started_at == {}

    worked = BatchExecutor[int, int](work)
    asyncio.run(ask())


def test_a_cancelled_call_is_not_answered_and_the_others_are() -> None:
    worker = Worker()

    async def ask() -> None:
        worked = BatchExecutor(worker.work)
        gone = asyncio.create_task(worked.answer(100))
        await asyncio.to_thread(worker.wait_until_held_up)
        gone.cancel()
        worker.go_on.set()
        assert await worked.answer(3) == 30
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(ask())


def test_the_executor_serves_one_event_loop_after_another() -> None:
    worked = BatchExecutor(Worker().work)
    for _ in range(3):
        assert asyncio.run(all_of(worked, range(30))) == [10 * number for number in range(30)]
