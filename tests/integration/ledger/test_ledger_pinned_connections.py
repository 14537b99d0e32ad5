"""A thread may pin one connection for many statements without effects on other threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import Load, LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.problems.command import UnknownCustomer
from tests.integration.ledger.conftest import NOW, Accept


def current_connection(database: Database) -> Connection:
    """Return the connection that a statement gets."""
    with database.reading() as connection:
        return connection


def test_a_pinned_connection_is_reused_and_returned_at_the_end(ledger: Ledger) -> None:
    with ledger.database.pinned_connection():
        pinned = current_connection(ledger.database)
        assert current_connection(ledger.database) is pinned
        assert not pinned.closed
    assert pinned.closed
    assert current_connection(ledger.database) is not pinned


def test_another_thread_gets_a_connection_of_its_own(ledger: Ledger) -> None:
    with ledger.database.pinned_connection(), ThreadPoolExecutor(1) as pool:
        pinned = current_connection(ledger.database)
        assert pool.submit(current_connection, ledger.database).result() is not pinned


def test_a_pinned_connection_is_returned_whatever_happens(ledger: Ledger) -> None:
    def fail() -> Connection:
        with ledger.database.pinned_connection():
            pinned.append(current_connection(ledger.database))
            raise ZeroDivisionError

    pinned: list[Connection] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert pinned[0].closed


def test_reading_nothing_needs_no_ledger() -> None:
    with Database.open("sqlite:////nowhere/ledger.db").pinned_connection():
        pass


def test_what_others_write_meanwhile_is_seen(ledger: Ledger, accept: Accept) -> None:
    with ledger.database.pinned_connection(), ThreadPoolExecutor(1) as pool:
        assert ledger.loads.find() == []
        load = pool.submit(accept).result()
        assert ledger.loads.find() == [load]
        own = accept()
    assert ledger.loads.find() == [own, load]


def test_loads_accepted_together_are_saved_in_order_and_each_by_itself(
    ledger: Ledger, target: Target
) -> None:
    def asked(customer: str, name: str | None = None) -> LoadRequest:
        wanted = Target(customer, target.environment, target.feed)
        return LoadRequest(new_job_id(), wanted, "w.csv", None, None, idempotency_key=name)

    requests = [asked("iqu", "iqu/qa/one"), asked("nobody"), asked("iqu", "iqu/qa/one")]
    first, refused, again, last = ledger.loads.accept_all([*requests, asked("iqu")], NOW)
    assert isinstance(refused, UnknownCustomer)
    assert isinstance(first, Load)
    assert again == first
    assert ledger.loads.find() == [last, first]


def test_thousands_of_loads_may_be_accepted_together(ledger: Ledger, target: Target) -> None:
    """A single statement for all of them would have more parameters than an engine takes."""
    requests = [LoadRequest(new_job_id(), target, "w.csv", None, None) for _ in range(4_000)]
    saved = ledger.loads.accept_all(requests, NOW)
    assert [load.number for load in saved if isinstance(load, Load)] == [*range(1, 4_001)]
    assert [load.request for load in saved if isinstance(load, Load)] == requests
