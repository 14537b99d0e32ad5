"""Few threads work many calls off: each its own answer, nobody held up for long by another."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from webhook_gateway.http import batch_executor
from webhook_gateway.http.batch_executor import Lanes

SECONDS = 10


class Worker:
    """Answers ten times a number, all that it takes in one turn; refuses negative ones.

    Numbers of a hundred and more hold their lane up until `go_on` is set.
    """

    def __init__(self) -> None:
        """Begin with no turn taken."""
        self.turns: list[list[int]] = []
        self.held_up = threading.Semaphore(0)
        self.go_on = threading.Event()

    def work(self, calls: Iterator[int]) -> Sequence[int | Exception]:
        """Work a turn off."""
        taken = []
        for call in calls:
            taken.append(call)
            if call >= 100:
                self.held_up.release()
                assert self.go_on.wait(SECONDS)
        self.turns.append(taken)
        return [10 * each if each >= 0 else ValueError(str(each)) for each in taken]

    def wait_until_held_up(self) -> None:
        """Wait until a lane has met a number that holds it up."""
        assert self.held_up.acquire(timeout=SECONDS)


async def all_of(worked: Lanes[int, int], numbers: Sequence[int]) -> list[int | BaseException]:
    """Ask for all at once, and answer what came of each."""
    asked = [worked.answer(each) for each in numbers]
    async with asyncio.timeout(SECONDS):
        return await asyncio.gather(*asked, return_exceptions=True)


def test_each_call_gets_its_own_answer_or_its_own_refusal() -> None:
    numbers = [*range(90), -1, *range(90)] * 3
    for number, told in zip(
        numbers, asyncio.run(all_of(Lanes(Worker().work), numbers)), strict=True
    ):
        if number < 0:
            assert isinstance(told, ValueError)
            assert str(told) == "-1"
        else:
            assert told == 10 * number


def test_calls_that_wait_are_worked_off_in_few_turns_and_in_order() -> None:
    worker = Worker()

    async def ask() -> None:
        worked = Lanes(worker.work)
        first = asyncio.create_task(worked.answer(100))
        await asyncio.to_thread(worker.wait_until_held_up)
        others = asyncio.create_task(all_of(worked, range(20)))
        await asyncio.sleep(0)
        worker.go_on.set()
        assert await others == [10 * each for each in range(20)]
        assert await first == 1_000

    asyncio.run(ask())
    assert sorted(each for turn in worker.turns for each in turn) == [*range(20), 100]
    assert all(turn == sorted(turn) or turn[0] == 100 for turn in worker.turns)


def test_no_turn_takes_more_than_so_many_calls() -> None:
    worker = Worker()
    asyncio.run(all_of(Lanes(worker.work), [0] * 500))
    assert sum(map(len, worker.turns)) == 500
    assert max(map(len, worker.turns)) <= batch_executor.MOST_CALLS


def test_calls_that_take_long_are_worked_off_side_by_side_and_hold_up_nobody_else() -> None:
    worker = Worker()
    numbers = [100 + place for place in range(batch_executor.MOST_LANES - 1)]

    async def ask() -> None:
        worked = Lanes(worker.work)
        slow = asyncio.create_task(all_of(worked, numbers))
        for _ in numbers:  # each of them in a lane of its own
            await asyncio.to_thread(worker.wait_until_held_up)
        assert await all_of(worked, [1, 2]) == [10, 20]
        worker.go_on.set()
        assert await slow == [10 * each for each in numbers]
        turns = len(worker.turns)
        assert await all_of(worked, range(40)) == [10 * each for each in range(40)]
        assert len(worker.turns) - turns < 20  # lanes that were needed no more are closed

    asyncio.run(ask())


def test_there_are_never_more_lanes_than_allowed() -> None:
    worker = Worker()
    numbers = [100 + place for place in range(3 * batch_executor.MOST_LANES)]

    async def ask() -> None:
        worked = Lanes(worker.work)
        slow = asyncio.create_task(all_of(worked, numbers))
        for _ in range(batch_executor.MOST_LANES):
            await asyncio.to_thread(worker.wait_until_held_up)
        await asyncio.sleep(3 * batch_executor.LOOK_SECONDS)
        assert not worker.held_up.acquire(blocking=False)
        worker.go_on.set()
        assert await slow == [10 * each for each in numbers]

    asyncio.run(ask())


def test_a_fault_of_the_work_is_told_to_all_of_its_turn_and_the_next_turn_goes_on() -> None:
    faults = [ZeroDivisionError()]
    worker = Worker()

    def work(calls: Iterator[int]) -> Sequence[int | Exception]:
        if faults:
            list(calls)
            raise faults.pop()
        return worker.work(calls)

    async def ask() -> None:
        worked = Lanes(work)
        with pytest.raises(ZeroDivisionError):
            await worked.answer(1)
        assert await worked.answer(2) == 20

    asyncio.run(ask())


def test_a_turn_that_fails_before_its_end_holds_no_lane_up() -> None:
    def work(calls: Iterator[int]) -> Sequence[int | Exception]:
        next(calls)
        raise ZeroDivisionError

    async def ask() -> None:
        with pytest.raises(ZeroDivisionError) as kept:  # with its trace, and so all it went through
            await worked.answer(1)
        assert kept.traceback
        assert worked._taken_at == {}

    worked = Lanes[int, int](work)
    asyncio.run(ask())


def test_who_has_gone_is_not_answered_and_nobody_else_notices() -> None:
    worker = Worker()

    async def ask() -> None:
        worked = Lanes(worker.work)
        gone = asyncio.create_task(worked.answer(100))
        await asyncio.to_thread(worker.wait_until_held_up)
        gone.cancel()
        worker.go_on.set()
        assert await worked.answer(3) == 30
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(ask())


def test_lanes_serve_one_event_loop_after_another() -> None:
    worked = Lanes(Worker().work)
    for _ in range(3):
        assert asyncio.run(all_of(worked, range(30))) == [10 * each for each in range(30)]
