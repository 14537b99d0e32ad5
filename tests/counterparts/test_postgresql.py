"""PostgreSQL as others set it: none of its settings reaches us.

A setting that a server, a database or a role may have is a line of SETTINGS.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import duckdb
import pytest
from sqlalchemy import create_engine, text

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.postgresql import search_path_option
from alumniq_pipelines.adapters.warehouse.postgres.session import connect
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.cli.dagster_storage import URL, storage_environment
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import LoadRequest, new_job_id
from alumniq_pipelines.core.loads.load_result import Published
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.settings import Settings
from tests.accepted_rows import batch, small_field_map
from tests.integration.loading.conftest import DOCUMENT
from tests.integration.loading.installation import Installation as LoadInstallation
from tests.postgres_databases import MEMBERS, Database, publish
from tests.servers.gateway import NOW
from tests.servers.postgres import PostgresServer, run_server

Part = Literal["ledger", "warehouse", "dagster"]
PARTS: tuple[Part, ...] = ("ledger", "warehouse", "dagster")

SETTINGS = {
    # name: as others set it, as our sessions have it
    "array_nulls": ("off", "on"),
    "bytea_output": ("escape", "hex"),
    "client_encoding": ("LATIN1", "UTF8"),
    "datestyle": ("SQL, DMY", "ISO, MDY"),
    "default_transaction_isolation": ("serializable", "read committed"),
    "exit_on_error": ("on", "off"),
    "extra_float_digits": ("-3", "1"),
    "idle_in_transaction_session_timeout": ("7s", "10min"),
    "idle_session_timeout": ("7s", "0"),
    "intervalstyle": ("sql_standard", "postgres"),
    "lock_timeout": ("7s", "0"),
    "quote_all_identifiers": ("on", "off"),
    "row_security": ("on", "off"),
    "search_path": ("elsewhere", "public"),
    "standard_conforming_strings": ("off", "on"),
    "statement_timeout": ("7s", "0"),
    "synchronous_commit": ("off", "on"),
    "timezone": ("Asia/Kathmandu", "UTC"),
    "transaction_timeout": ("7s", "0"),
}
OWN = {
    ("warehouse", "lock_timeout"): "1s",
    ("warehouse", "search_path"): "pg_catalog",
    ("dagster", "search_path"): "dagster",
    ("dagster", "idle_in_transaction_session_timeout"): "0",
}
"""Where a part has a value of its own."""
NOT_OF_DAGSTER = {"idle_session_timeout", "synchronous_commit", "transaction_timeout"}
"""Not passed on to Dagster: an older server would refuse them, or a stricter choice be lost."""

ROWS = (
    "select 'Zoë ' || i as xid, date '2026-02-03' + i::integer as born, "
    "timestamp '2026-02-03 04:05:06.789' as seen, time '23:59:59.5' as opens, "
    "i / 7.0::double as ratio, i::decimal(38, 2) as amount, i % 2 = 0 as is_active, "
    "nullif(i, 3)::bigint as batch, '\\' as path from range(100) t(i)"
)


@pytest.fixture(scope="module", params=["server", "database", "role"])
def otherwise(
    request: pytest.FixtureRequest, postgres_server: PostgresServer
) -> Iterator[Database]:
    """Yield a database for which every setting is otherwise."""
    if request.param == "server":
        home = Path(tempfile.mkdtemp(prefix="otherwise-"))
        with run_server(home, *(f"{name}={theirs}" for name, (theirs, _) in SETTINGS.items())) as s:
            yield Database.create(s)
        shutil.rmtree(home)
        return
    database = Database.create(postgres_server)
    database.run("create schema elsewhere")
    where = "database {database}" if request.param == "database" else "role {role}"
    for name, (theirs, _) in SETTINGS.items():
        database.run(f"alter {where} set {name} = '{theirs}'")
    yield database


def session_value(part: Part, url: str, name: str) -> object:
    """Return the value of a setting in a session of ours."""
    if part == "warehouse":
        with connect(url, lock_seconds=1) as connection:
            return connection.execute("select current_setting(%s)", [name]).fetchall()[0][0]
    if part == "ledger":
        with closing(Ledger.open(url)) as ledger, ledger.database.reading() as opened:
            return opened.scalar(text("select current_setting(:name)"), {"name": name})
    engine = create_engine(storage_environment(Settings(ledger_url=url))[URL])
    try:
        with engine.connect() as opened:
            return opened.scalar(text("select current_setting(:name)"), {"name": name})
    finally:
        engine.dispose()


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("part", PARTS)
def test_no_setting_of_others_reaches_our_sessions(
    part: Part, name: str, otherwise: Database
) -> None:
    if part == "dagster" and name in NOT_OF_DAGSTER:
        return
    theirs, ours = SETTINGS[name]
    assert theirs != ours
    assert session_value(part, otherwise.url, name) == OWN.get((part, name), ours)


def test_a_stricter_commit_is_left_as_it_is(postgres_server: PostgresServer) -> None:
    database = Database.create(postgres_server)
    database.run("alter role {role} set synchronous_commit = remote_apply")
    for part in ("ledger", "warehouse"):
        assert session_value(part, database.url, "synchronous_commit") == "remote_apply"


def test_rows_are_read_back_as_they_were_whatever_others_set(
    otherwise: Database, tmp_path: Path
) -> None:
    warehouse = publish(otherwise, 1, tmp_path, ROWS)
    live = warehouse.live_rows(MEMBERS, tmp_path)
    assert live is not None
    with duckdb.connect(live.database) as connection:
        for one, other in (("live", "sent"), ("sent", "live")):
            found = connection.execute(
                f"with sent as ({ROWS}), live as (from {live.table}) from {one} except from {other}"
            )
            assert found.fetchall() == []


def test_a_ledger_works_whatever_others_set(otherwise: Database) -> None:
    with closing(Ledger.open(otherwise.url)) as ledger:
        ledger.migrate()
        ledger.ping()
        ledger.customers.add(Customer("iqu", "Université Ω", "iqu-feeds"), NOW)
        request = LoadRequest(new_job_id(), MEMBERS, "Zoë.csv", "e1", 7)
        load = ledger.loads.accept(request, NOW)
        assert ledger.loads.find() == [load]
        assert ledger.customers.get("iqu").name == "Université Ω"


@pytest.mark.parametrize(
    ("name", "theirs"), [("datestyle", "SQL, DMY"), ("extra_float_digits", "-3")]
)
def test_a_second_load_of_a_feed_counts_only_what_has_changed(
    name: str, theirs: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """With other dates, the second load was an outage for ever; with fewer digits, it was held."""
    database = Database.create(postgres_server)
    database.run(f"alter database {{database}} set {name} = '{theirs}'")
    fields = [*DOCUMENT["schema"]["fields"], {"name": "ratio", "type": "number"}]  # type: ignore[index]
    document = DOCUMENT | {"schema": {"primaryKey": ["xid"], "fields": fields}}
    people = FieldMap.model_validate(document)
    loads = LoadInstallation(tmp_path, people, PostgresWarehouse(database.url))
    header = "xid,lastName,visits,born,email,nation,ratio\n"
    rows = [f"{n},Name,1,2001-02-{n:02},{n}@b,USA,{n / 7}\n" for n in range(1, 21)]
    loads.deliver(header + "".join(rows[:10]))
    loads.publish(1)
    loads.deliver(header + "".join(rows))
    result = loads.load(2)
    assert isinstance(result, Published)
    assert result.changes is not None
    assert (result.changes.added, result.changes.changed, result.changes.removed) == (10, 0, 0)


def test_a_lost_connection_fails_no_other_call_of_a_batch(
    postgres_server: PostgresServer,
) -> None:
    """The calls of a batch share a connection; those after the one that met it failed, too."""
    database = Database.create(postgres_server)
    database.run("alter role {role} set datestyle = 'SQL, DMY'")
    query = text("select current_setting('datestyle')")
    with closing(Ledger.open(database.url)) as ledger, ledger.database.pinned_connection():
        with ledger.database.reading() as connection:
            connection.execute(query)
        database.run(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'"
        )
        with pytest.raises(LedgerUnavailable), ledger.database.reading() as connection:
            connection.execute(query)
        with ledger.database.reading() as connection:
            assert connection.scalar(query) == "ISO, MDY"


PARALLEL = {
    "min_parallel_table_scan_size": "0",
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "parallel_leader_participation": "off",
}


def test_rows_are_read_in_their_order_even_if_the_server_prefers_parallel_scans(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    database = Database.create(postgres_server)
    for name, value in PARALLEL.items():
        database.run(f"alter role {{role}} set {name} = '{value}'")
    query = "select i::varchar as xid, i::bigint as batch from range(200_000) t(i)"
    live = publish(database, 1, tmp_path, query).live_rows(MEMBERS, tmp_path)
    assert live is not None
    with duckdb.connect(live.database) as connection:
        numbers = connection.execute(f"select batch from {live.table}").fetchnumpy()["batch"]
    assert (numbers[1:] > numbers[:-1]).all()


def test_a_time_limit_of_the_role_ends_no_big_load(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    database = Database.create(postgres_server)
    for name in ("statement_timeout", "transaction_timeout"):
        database.run(f"alter role {{role}} set {name} = '50ms'")
    warehouse = PostgresWarehouse(database.url)
    rows = batch(tmp_path, 1, count=300_000)
    job_id, field_map = new_job_id(), small_field_map("members")
    warehouse.publish(MEMBERS, field_map, rows, number=1, job_id=job_id, now=NOW)
    assert warehouse.live_rows(MEMBERS, tmp_path) is not None


@pytest.mark.parametrize("schema", ["campus", "My Campus"])
def test_a_schema_that_the_address_names_is_the_ledgers(
    schema: str, postgres_server: PostgresServer
) -> None:
    database = Database.create(postgres_server)
    database.run(f'create schema "{schema}" authorization {{role}}')
    url = f"{database.url}&{search_path_option(schema)}"
    with closing(Ledger.open(url)) as ledger:
        ledger.migrate()
        ledger.ping()
        with ledger.database.reading() as connection:
            found = connection.scalars(
                text("select schemaname from pg_tables where tableowner = current_user")
            )
            assert set(found) == {schema}
