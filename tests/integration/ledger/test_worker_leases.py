"""Leases of workers on other hosts, by the database's clock, on both engines."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from alumniq_pipelines.adapters.ledger import worker_leases
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.run_tables import worker_leases as table
from alumniq_pipelines.adapters.ledger.worker_leases import (
    DONE,
    EXPIRY,
    RENEWAL,
    RETENTION,
    LedgerLeases,
)

Wait = Callable[[timedelta], None]


@pytest.fixture
def leases(ledger: Ledger) -> LedgerLeases:
    """The leases of an empty ledger, as one host sees them."""
    return LedgerLeases(ledger.database, "host-1")


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Wait:
    """Return a function that lets time pass by the database's clock."""
    clock = [datetime(2026, 12, 1, 3, tzinfo=UTC)]

    def pass_by(duration: timedelta) -> None:
        clock[0] += duration

    def now(connection: Connection) -> datetime:
        del connection
        return clock[0]

    monkeypatch.setattr(worker_leases, "current_time", now)
    return pass_by


def watch(leases: LedgerLeases, wait: Wait, duration: timedelta) -> set[str]:
    """Let a reconciler look every few seconds; return the runs whose workers it finds dead."""
    found: set[str] = set()
    for _ in range(duration // RENEWAL + 1):
        found.update(leases.dead(["run", "other"]))
        wait(RENEWAL)
    return found


def kill_worker(leases: LedgerLeases, run_id: str) -> None:
    """Leave the lease of a worker that was killed right after it had taken it."""
    leases._take(run_id)


def test_a_killed_worker_is_noticed_within_a_minute(leases: LedgerLeases, wait: Wait) -> None:
    kill_worker(leases, "run")
    assert watch(leases, wait, timedelta(seconds=30)) == set()
    assert watch(leases, wait, timedelta(seconds=20)) == {"run"}
    leases.clear("run")
    assert watch(leases, wait, timedelta(seconds=20)) == set()


def test_a_worker_that_renews_its_lease_lives(leases: LedgerLeases, wait: Wait) -> None:
    kill_worker(leases, "other")
    with leases.hold("run"):
        for _ in range(12):
            wait(RENEWAL)
            leases._renew("run")
            assert "run" not in leases.dead(["run", "other"])
            assert leases.missing(["run"]) == set()


def test_a_lease_is_renewed_by_a_thread_until_the_work_is_over(
    leases: LedgerLeases, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_leases, "RENEWAL", timedelta(seconds=0.02))

    def renewed_at() -> datetime:
        with ledger.database.reading() as connection:
            found: datetime = connection.execute(select(table.c.renewed_at)).scalar_one()
            return found

    with leases.hold("run"):
        first, until = renewed_at(), time.monotonic() + 60
        while renewed_at() == first:
            assert time.monotonic() < until
            time.sleep(0.02)
    last = renewed_at()
    time.sleep(0.1)
    assert renewed_at() == last


def test_after_the_ledger_was_away_workers_have_time_to_renew_their_leases(
    leases: LedgerLeases, wait: Wait
) -> None:
    """Neither they nor the reconciler could write: what is stale by then is no evidence."""
    kill_worker(leases, "run")
    watch(leases, wait, EXPIRY / 2)
    wait(timedelta(minutes=10))
    assert watch(leases, wait, EXPIRY - RENEWAL) == set()
    assert watch(leases, wait, 2 * RENEWAL) == {"run"}


def test_a_worker_that_is_done_is_neither_dead_nor_missing_until_dagster_has_heard_of_it(
    leases: LedgerLeases, wait: Wait
) -> None:
    with leases.hold("run"):
        pass
    assert leases.missing(["run"]) == set()
    assert watch(leases, wait, EXPIRY + DONE) == set()
    assert leases.missing(["run"]) == {"run"}


def test_a_run_without_a_lease_has_no_worker(leases: LedgerLeases) -> None:
    with leases.hold("other"):
        assert leases.missing(["run", "other"]) == {"run"}


def test_work_that_fails_gives_its_lease_up(leases: LedgerLeases, wait: Wait) -> None:
    def fail() -> None:
        with leases.hold("run"):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert watch(leases, wait, 2 * EXPIRY) == set()


def test_a_run_taken_up_again_lives(leases: LedgerLeases, wait: Wait) -> None:
    kill_worker(leases, "run")
    watch(leases, wait, EXPIRY + RENEWAL)
    with leases.hold("run"):
        assert leases.dead(["run"]) == set()


def test_old_leases_are_deleted(leases: LedgerLeases, ledger: Ledger, wait: Wait) -> None:
    for run_id in ("old", "run"):
        kill_worker(leases, run_id)
        wait(RETENTION * 0.6)
    kill_worker(leases, "new")
    with ledger.database.reading() as connection:
        assert set(connection.scalars(select(table.c.run_id))) == {"run", "new"}


def test_without_runs_nothing_is_read_or_written(leases: LedgerLeases, ledger: Ledger) -> None:
    ledger.close()
    assert not leases.dead([])
    assert not leases.missing([])
