"""Loads whose rows need more memory or disk than there is, on both engines; and held rows."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest

from alumniq_pipelines.adapters.warehouse.postgres import copy
from alumniq_pipelines.checking import staging
from alumniq_pipelines.core.problems.outage import ScratchUnavailable
from tests.integration.loading.installation import Installation

HEADER = "xid,lastName,visits,born\n"
GOOD = HEADER + "001,Lee,3,1970-05-01\n002,Roe,,\n"


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Let the system refuse to write more into a file, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


MANY = HEADER + "".join(f"{n:06},{n * 7919:0100},{n},1970-05-01\n" for n in range(200_000))


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the rows of MANY be larger than the memory that they may take."""
    monkeypatch.setattr(staging, "MEMORY_LIMIT", "32MB")


@pytest.mark.parametrize("size", [100, 5_000_000])
@pytest.mark.usefixtures("little_memory")
def test_a_full_disk_is_an_outage_of_ours(installation: Installation, size: int) -> None:
    """Once while the file is fetched, once while its rows are staged."""
    installation.deliver(MANY)
    with files_no_larger_than(size), pytest.raises(ScratchUnavailable):
        installation.load()
    assert installation.publish().check_result.counts.rows_accepted == 200_000


@pytest.mark.parametrize("warehouse", ["postgres"], indirect=True)
def test_no_room_for_the_live_rows_is_an_outage_of_our_disk(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not of the warehouse that they are read from."""
    installation.deliver(MANY)
    installation.publish()
    installation.deliver(MANY + "1,Last,1,1970-05-01\n")
    with monkeypatch.context() as patched:
        patched.setattr(copy, "READ_CONFIG", {"memory_limit": "2MB"})
        with pytest.raises(ScratchUnavailable):
            installation.load(2)
    assert installation.publish(3).version.rows == 200_001


@pytest.mark.usefixtures("little_memory")
def test_rows_that_outgrow_the_memory_are_published_all_the_same(
    installation: Installation,
) -> None:
    installation.deliver(MANY)
    assert installation.publish().version.rows == 200_000
    published = installation.rows()
    assert [xid for xid, _, _ in published] == [f"{n:06}" for n in range(200_000)]


def test_a_held_load_is_published_as_it_was_checked(installation: Installation) -> None:
    installation.deliver(GOOD)
    installation.publish()
    installation.deliver("xid,lastName,visits\n002,Roe,5\n001,Lee,4\n")
    held = installation.hold(2)
    assert installation.rows() == [("001", 3, date(1970, 5, 1)), ("002", 0, None)]
    assert installation.publish_held(2, held).version.rows == 2
    assert installation.rows() == [("002", 5, None), ("001", 4, None)]
