"""Threads that write at about the same time share a commit; one refused entry harms no other."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from alumniq_pipelines.adapters.ledger.group_commit import GroupCommit
from alumniq_pipelines.core.problems.outage import LedgerUnavailable

INSERT = "insert into numbers"


class Store:
    """Saves numbers, but no negative ones; all of a batch or none."""

    def __init__(self) -> None:
        """Begin empty, and ready to write."""
        self.batches: list[list[int]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.at_work = threading.Event()

    def write(self, entries: Sequence[int]) -> Sequence[int]:
        """Save a batch once it may continue."""
        self.at_work.set()
        assert self.go_on.wait(10)
        if any(entry < 0 for entry in entries):
            raise IntegrityError(INSERT, None, ValueError())
        self.batches.append(list(entries))
        return [10 * entry for entry in entries]


def add(gathering: GroupCommit[int, int], number: int) -> int:
    """Save one number and return what was saved."""
    (future,) = gathering.add([number])
    return future.result()


def test_who_writes_alone_waits_for_nobody() -> None:
    store = Store()
    assert add(GroupCommit(store.write, max_entries=100), 1) == 10
    assert store.batches == [[1]]


def test_all_who_wait_share_the_next_commit_and_get_their_own_answer() -> None:
    store = Store()
    gathering = GroupCommit(store.write, max_entries=100)
    store.go_on.clear()
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(add, gathering, 0)
        assert store.at_work.wait(10)
        others = [pool.submit(add, gathering, number) for number in range(1, 9)]
        while len(gathering._waiting) < 8:
            pass
        store.go_on.set()

        assert first.result() == 0
        assert [future.result() for future in others] == [10 * number for number in range(1, 9)]
    assert [sorted(batch) for batch in store.batches] == [[0], list(range(1, 9))]


def test_only_who_is_at_fault_is_refused() -> None:
    store = Store()
    gathering = GroupCommit(store.write, max_entries=100)
    store.go_on.clear()
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(add, gathering, 0)
        assert store.at_work.wait(10)
        others = [pool.submit(add, gathering, number) for number in (1, -2, 3)]
        while len(gathering._waiting) < 3:
            pass
        store.go_on.set()

        assert first.result() == 0
        assert (others[0].result(), others[2].result()) == (10, 30)
        with pytest.raises(IntegrityError):
            others[1].result()


def test_an_outage_fails_everybody_in_the_batch_and_the_next_one_tries_again() -> None:
    store = Store()
    faults = [LedgerUnavailable("SQLITE_FULL")]

    def write(entries: Sequence[int]) -> Sequence[int]:
        if faults:
            raise faults.pop()
        return store.write(entries)

    gathering = GroupCommit(write, max_entries=100)
    with pytest.raises(LedgerUnavailable):
        add(gathering, 1)
    assert add(gathering, 2) == 20


def test_several_entries_of_one_caller_share_a_commit_and_only_the_faulty_one_is_refused() -> None:
    store = Store()
    gathering = GroupCommit(store.write, max_entries=100)
    assert [future.result() for future in gathering.add([1, 2])] == [10, 20]
    assert store.batches == [[1, 2]]

    first, faulty, last = gathering.add([3, -4, 5])
    assert (first.result(), last.result()) == (30, 50)
    assert isinstance(faulty.exception(), IntegrityError)


def test_no_entries_write_nothing() -> None:
    store = Store()
    assert GroupCommit(store.write, max_entries=100).add([]) == []
    assert store.batches == []


def test_no_write_has_more_entries_than_allowed_and_all_are_saved() -> None:
    store = Store()
    futures = GroupCommit(store.write, max_entries=3).add(range(8))
    assert [future.result() for future in futures] == [10 * number for number in range(8)]
    assert store.batches == [[0, 1, 2], [3, 4, 5], [6, 7]]
