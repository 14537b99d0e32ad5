"""Whoever looks for work can tell that nothing was written, and never misses what was."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from alumniq_pipelines.adapters.ledger.change_detector import ChangeDetector, detect_changes
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from tests.integration.ledger.conftest import NOW, Accept

NEVER = 1e9
"""No look is due by the clock."""


def is_quiet(detector: ChangeDetector) -> bool:
    """Whether a look finds no change; the server's own work may make a few others find one."""
    return any(not detector.has_changed() for _ in range(100))


@pytest.fixture
def detector(ledger: Ledger) -> Iterator[ChangeDetector]:
    """Detect changes of the ledger by writes alone."""
    with detect_changes(ledger.database, recheck_seconds=NEVER) as detector:
        yield detector


def test_the_first_look_counts_as_a_change(detector: ChangeDetector) -> None:
    assert detector.has_changed()


def test_reading_is_no_change(detector: ChangeDetector, ledger: Ledger, accept: Accept) -> None:
    accept()
    detector.has_changed()
    assert ledger.loads.find()
    ledger.ping()
    assert is_quiet(detector)


def test_each_write_is_a_change_once(
    detector: ChangeDetector, ledger: Ledger, accept: Accept
) -> None:
    detector.has_changed()
    load = accept()
    assert detector.has_changed()
    assert is_quiet(detector)
    assert ledger.queue.request(load, NOW + timedelta(seconds=1))
    assert detector.has_changed()
    assert is_quiet(detector)


def test_writes_of_other_threads_and_other_installations_of_the_ledger_are_changes(
    detector: ChangeDetector, ledger_url: str, accept: Accept
) -> None:
    detector.has_changed()
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(accept).result()
    assert detector.has_changed()
    other = Ledger.open(ledger_url)
    assert other.queue.request(load, NOW)
    other.close()
    assert detector.has_changed()
    assert is_quiet(detector)


def test_own_writes_are_changes_even_on_a_pinned_connection(ledger: Ledger, accept: Accept) -> None:
    with (
        ledger.database.pinned_connection(),
        detect_changes(ledger.database, recheck_seconds=NEVER) as detector,
    ):
        detector.has_changed()
        assert not ledger.loads.find()
        accept()
        assert detector.has_changed()


def test_a_write_that_was_begun_before_a_look_is_a_change_once_it_is_committed(
    detector: ChangeDetector, ledger: Ledger, accept: Accept
) -> None:
    load = accept()
    with ledger.database.writing() as connection:
        connection.execute(
            text("update loads set state = 'requested' where job_id = :job_id"),
            {"job_id": load.job_id},
        )
        detector.has_changed()
        detector.has_changed()
    assert detector.has_changed()
    assert is_quiet(detector)


def test_a_look_is_due_by_the_clock_although_nothing_was_written(ledger: Ledger) -> None:
    seconds = iter([0.0, 0.9, 1.0, 1.9, 2.0])
    with ledger.database.own_connection() as connection:
        detector = ChangeDetector(
            connection=connection, recheck_seconds=1, clock=lambda: next(seconds)
        )
        assert [detector.has_changed() for _ in range(5)] == [True, False, True, False, True]


def test_a_database_that_cannot_be_reached_is_an_outage() -> None:
    with (
        pytest.raises(LedgerUnavailable),
        detect_changes(Database.open("sqlite:////nowhere/ledger.db"), recheck_seconds=NEVER),
    ):
        pass
