"""A thread may keep one connection at hand for many statements; nobody else notices."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import Load, LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.problems.command import UnknownCustomer
from tests.integration.ledger.conftest import NOW, Accept


def lent(database: Database) -> Connection:
    """Answer the connection that a statement is lent."""
    with database.reading() as connection:
        return connection


def test_what_is_at_hand_is_lent_again_and_given_back_at_the_end(ledger: Ledger) -> None:
    with ledger.database.at_hand():
        kept = lent(ledger.database)
        assert lent(ledger.database) is kept
        assert not kept.closed
    assert kept.closed
    assert lent(ledger.database) is not kept


def test_another_thread_is_lent_a_connection_of_its_own(ledger: Ledger) -> None:
    with ledger.database.at_hand(), ThreadPoolExecutor(1) as pool:
        kept = lent(ledger.database)
        assert pool.submit(lent, ledger.database).result() is not kept


def test_it_is_given_back_whatever_happens(ledger: Ledger) -> None:
    def fail() -> Connection:
        with ledger.database.at_hand():
            kept.append(lent(ledger.database))
            raise ZeroDivisionError

    kept: list[Connection] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert kept[0].closed


def test_who_reads_nothing_needs_no_ledger() -> None:
    with Database.open("sqlite:////nowhere/ledger.db").at_hand():
        pass


def test_what_others_write_meanwhile_is_seen(ledger: Ledger, accept: Accept) -> None:
    with ledger.database.at_hand(), ThreadPoolExecutor(1) as pool:
        assert ledger.loads.find() == []
        load = pool.submit(accept).result()
        assert ledger.loads.find() == [load]
        own = accept()
    assert ledger.loads.find() == [own, load]


def test_loads_accepted_together_are_kept_in_order_and_each_by_itself(
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
