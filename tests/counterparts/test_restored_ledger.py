"""A ledger that was restored from a backup: what it does not know was published all the same.

Each case says what happened before the backup, since the backup, and after the restore.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.warehouse.postgres.numbers import highest_number_at
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.settings import Settings
from tests.counterparts.restored_system import (
    PAIRS,
    SqliteStore,
    System,
    add_customer,
    request_of,
)
from tests.servers.postgres import PostgresServer
from tests.strict_catalog import read_catalog
from webhook_gateway.app import create_app
from webhook_gateway.services.load_numbers import LoadNumberCheck

NOTE = "(notification)"
NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)
READING = """
grant usage on schema iqu_qa_versions to gateway;
grant select on iqu_qa_versions._facts, iqu_qa_versions._tokens to gateway
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What happened, how loads ended in the end, whose data is live, and what the doctor says.

    `differs` is right after the restore, `in_the_end` after all.
    """

    rule: str
    before: str
    since: str
    then: str = ""
    outcomes: str
    live: str
    differs: tuple[str, ...]
    in_the_end: tuple[str, ...]


CASES = [
    Case(
        rule="a load that a gateway accepts after it is published under a number of its own",
        before="load a",
        since="load b, load c",
        then="gateway, load d",
        outcomes="a published, b unknown, c unknown, d published",
        live="d",
        differs=("load-numbers", "unknown-load c", "unknown-load b", NOTE),
        in_the_end=("(unknown-load c)", "(unknown-load b)", NOTE),
    ),
    Case(
        rule="so is one that was accepted while the warehouse was unavailable, and those behind it",
        before="load a",
        since="load b, load c, load d",
        then="accept e, accept f, run e, run f",
        outcomes="a published, b unknown, c unknown, d unknown, e published, f published",
        live="f",
        differs=("load-numbers", "unknown-load d", "unknown-load c", "unknown-load b", NOTE),
        in_the_end=("(unknown-load d)", "(unknown-load c)", "(unknown-load b)", NOTE),
    ),
    Case(
        rule="a load with the number of a lost load that was rolled back replaces nothing",
        before="load a",
        since="load b, load c, rollback a",
        then="load d",
        outcomes="a published, b unknown, c unknown, d published",
        live="d",
        differs=("load-numbers", "unknown-load c", "unknown-load b", NOTE),
        in_the_end=("(unknown-load c)", "(unknown-load b)", NOTE),
    ),
    Case(
        rule="a load that was queued in the backup and published since ends as published",
        before="load a, accept b",
        since="run b",
        then="run b",
        outcomes="a published, b published",
        live="b",
        differs=("unfinished-load b", NOTE),
        in_the_end=(),
    ),
    Case(
        rule="also if later loads were published since",
        before="load a, accept b",
        since="run b, load c, load d",
        then="run b, load e",
        outcomes="a published, b published, c unknown, d unknown, e published",
        live="e",
        differs=("load-numbers", "unknown-load d", "unknown-load c", "unfinished-load b", NOTE),
        in_the_end=("(unknown-load d)", "(unknown-load c)", NOTE),
    ),
    Case(
        rule="a load that was held in the backup and published since ends as published",
        before="load a, hold b",
        since="approve b, load c",
        then="repair, load d",
        outcomes="a published, b published, c unknown, d published",
        live="d",
        differs=("load-numbers", "unknown-load c", "unfinished-load b", NOTE),
        in_the_end=("(unknown-load c)", NOTE),
    ),
    Case(
        rule="also without the doctor, once a load of its table has run",
        before="load a, hold b",
        since="approve b, load c",
        then="gateway, load d, discard b, holds, cancel b, run b",
        outcomes="a published, b published, c unknown, d published",
        live="d",
        differs=("load-numbers", "unknown-load c", "unfinished-load b", NOTE),
        in_the_end=("(unknown-load c)", NOTE),
    ),
    Case(
        rule="a file that is live by a lost load changes nothing when it is loaded again",
        before="load a",
        since="load b",
        then="gateway, repeat c b",
        outcomes="a published, b unknown, c unchanged",
        live="b",
        differs=("load-numbers", "unknown-load b", NOTE),
        in_the_end=("(unknown-load b)", NOTE),
    ),
    Case(
        rule="a load that was queued in the backup comes too late after a later one has gone live",
        before="load a, unusual b",
        since="run b, load c",
        then="run b, load d",
        outcomes="a published, b overtaken, c unknown, d published",
        live="d",
        differs=("load-numbers", "unknown-load c", NOTE, "(archived-file)"),
        in_the_end=("(unknown-load c)", NOTE),
    ),
    Case(
        rule="a hold that was lost is named, and so are its run and the file that it read",
        before="load a",
        since="hold b",
        then="gateway, load c",
        outcomes="a published, b unknown, c published",
        live="c",
        differs=("(unknown-run b)", "(archived-file)", "(archived-file)"),
        in_the_end=("(unknown-run b)", "(archived-file)", "(archived-file)"),
    ),
    Case(
        rule="a load that was held in the backup and discarded since is named by its missing rows",
        before="load a, hold b",
        since="lose-rows",
        then="repair, load c, holds",
        outcomes="a published, b held, c published",
        live="c",
        differs=("held-rows b",),
        in_the_end=(),
    ),
]


@pytest.mark.parametrize(
    "system", [*PAIRS, ("sqlite", "postgres"), ("postgresql", "duckdb")], indirect=True
)
def test_a_restore_rehearsed_with_every_ledger_and_every_warehouse(system: System) -> None:
    system.play("load a, hold b, accept c")
    system.back_up()
    system.play("approve b, run c, load d, load e, rollback d")
    system.lose_and_restore()
    system.play("accept f, repair, run f, gateway, load g")
    assert system.outcomes() == {
        **dict.fromkeys("abcfg", "published"),
        **dict.fromkeys("de", "unknown"),
    }
    assert system.rows() == system.contents["g"]
    assert system.differences() == ["(unknown-load e)", "(unknown-load d)", NOTE]
    assert system.has_lost_nothing()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_what_the_backup_did_not_know_stays_true(system: System, case: Case) -> None:
    system.play(case.before)
    system.back_up()
    system.play(case.since)
    system.lose_and_restore()
    assert tuple(system.differences()) == case.differs
    system.play(case.then)
    expected = dict(pair.split() for pair in case.outcomes.split(", "))
    assert system.outcomes() == expected
    assert system.rows() == system.contents[case.live]
    assert tuple(system.differences()) == case.in_the_end
    assert system.has_lost_nothing()


def test_gateways_that_start_at_once_accept_no_load_under_a_number_of_the_warehouse(
    system: System,
) -> None:
    system.play("load a")
    system.back_up()
    system.play("load b, load c, load d")
    highest = system.warehouse.highest_number()
    system.lose_and_restore()
    now = system.clock()

    def start_and_accept(_: int) -> list[int]:
        ledger = Ledger.open(system.store.url)
        check = LoadNumberCheck(ledger=ledger, highest_number=lambda: highest)
        assert check.is_done()
        accepted = [ledger.loads.accept(request_of("a"), now) for _ in range(10)]
        ledger.close()
        return [load.number for load in accepted]

    with ThreadPoolExecutor(4) as gateways:
        numbers = [number for found in gateways.map(start_and_accept, range(4)) for number in found]
    assert len(set(numbers)) == 40
    assert min(numbers) > highest


def test_a_gateway_starts_without_the_warehouse_and_compares_numbers_later(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    system.play("load a")
    system.back_up()
    system.play("load b")
    system.lose_and_restore()
    reached, reason = [True, False], "OperationalError"

    def highest_number() -> int:
        if not reached.pop():
            raise WarehouseUnavailable(reason)
        return 2

    check = LoadNumberCheck(ledger=system.ledger, highest_number=highest_number)
    assert not check.is_done()
    assert "Loads are accepted meanwhile" in caplog.text
    assert check.is_done()
    assert "new loads get numbers above 2" in caplog.text
    system.play("load c")
    assert system.published["c"].number == 3


def test_a_gateway_compares_numbers_once_there_is_a_ledger(tmp_path: Path) -> None:
    """A lost ledger may be created anew while the gateway runs."""
    ledger = Ledger.open(SqliteStore(tmp_path).url)
    check = LoadNumberCheck(ledger=ledger, highest_number=lambda: 7)
    assert not check.is_done()
    add_customer(SqliteStore(tmp_path).url)
    assert check.is_done()
    assert ledger.loads.accept(request_of("a"), NOW).number == 8
    ledger.close()


@pytest.mark.parametrize("system", [("sqlite", "postgres")], indirect=True)
def test_a_gateway_needs_no_more_than_to_read_the_warehouse_and_says_if_it_may_not(
    system: System, postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    system.play("load a")
    system.back_up()
    system.play("load b")
    system.lose_and_restore()
    assert isinstance(system.warehouse, PostgresWarehouse)
    database = make_url(system.warehouse.url).database or ""
    url = postgres_server.url(database, "gateway")
    check = LoadNumberCheck(ledger=system.ledger, highest_number=lambda: highest_number_at(url))
    with postgres_server.connect(database) as connection:
        connection.execute("create role gateway login")
        try:
            assert not check.is_done()
            assert "(InsufficientPrivilege)" in caplog.text
            connection.execute(READING)
            assert check.is_done()
            assert "new loads get numbers above 2" in caplog.text
        finally:
            connection.execute("drop owned by gateway; drop role gateway")


def test_a_gateway_answers_while_its_warehouse_is_down(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        warehouse="postgres",
        warehouse_url=f"postgresql://nobody@/none?host={tmp_path}",
    )
    ledger = Ledger.open(settings.ledger)
    ledger.migrate()
    gateway = create_app(
        settings,
        ledger=ledger,
        buckets=FolderBuckets(tmp_path),
        catalog=read_catalog(settings.schemas_dir),
    )
    with TestClient(gateway, client=("127.0.0.1", 50_000)) as client:
        assert client.get("/readyz").json()["checks"]["ledger"] == "ok"
