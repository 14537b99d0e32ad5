"""PostgreSQL as others set it up: none of its settings reaches us, and mistakes name their fix.

A setting that a server, a database or a role may have is a line of SETTINGS; a mistake in the
set-up is a line of MISTAKES.
"""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Literal

import duckdb
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.warehouse.postgres.session import connect
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.cli.dagster_storage import URL, make_schema, storage_environment
from alumniq_pipelines.cli.home import prepare_installation
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.load_result import Published
from alumniq_pipelines.core.loads.outcome import CheckRecord
from alumniq_pipelines.core.loads.reconciliation import Run, RunState
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.core.notifications.staff import Staff, StaffRecipient
from alumniq_pipelines.core.problems import database as problems
from alumniq_pipelines.services.attempt import attempt
from alumniq_pipelines.services.attempt_outcome import AttemptFailed
from alumniq_pipelines.services.load_context import LoadContext
from alumniq_pipelines.services.reconciliation import LoadReconciler
from alumniq_pipelines.settings import Settings
from tests.accepted_rows import accepted_rows, batch, small_field_map
from tests.integration.loading.conftest import DOCUMENT
from tests.integration.loading.installation import Installation as LoadInstallation
from tests.servers.gateway import NOW, Installation, call, errors
from tests.servers.postgres import PostgresServer, run_server, serve
from webhook_gateway.app import create_app

MEMBERS = Target("iqu", Environment.QA, "members")
Part = Literal["ledger", "warehouse", "dagster"]
PARTS: tuple[Part, ...] = ("ledger", "warehouse", "dagster")

SETTINGS = {
    # name: as others set it, as our sessions have it
    "array_nulls": ("off", "on"),
    "bytea_output": ("escape", "hex"),
    "client_encoding": ("LATIN1", "UTF8"),
    "datestyle": ("SQL, DMY", "ISO, MDY"),
    "default_transaction_isolation": ("serializable", "read committed"),
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


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What is wrong: `statements` run as a superuser; words of the sentence that staff read."""

    problem: type[problems.DatabaseProblem]
    words: str
    statements: str = ""
    encoding: str = "UTF8"
    is_new: bool = False
    """The database has no tables yet."""
    is_standby: bool = False


READ_ONLY = "default_transaction_read_only to off"
MISTAKES = {
    "SQL_ASCII": Mistake(
        problem=problems.DatabaseEncoding, words="SQL_ASCII", encoding="SQL_ASCII", is_new=True
    ),
    "LATIN1": Mistake(
        problem=problems.DatabaseEncoding, words="LATIN1", encoding="LATIN1", is_new=True
    ),
    "read-only role": Mistake(
        problem=problems.DatabaseReadOnly,
        words=READ_ONLY,
        statements="alter role {role} set default_transaction_read_only = on",
    ),
    "read-only database": Mistake(
        problem=problems.DatabaseReadOnly,
        words=READ_ONLY,
        statements="alter database {database} set default_transaction_read_only = on",
    ),
    "standby": Mistake(
        problem=problems.DatabaseReadOnly, words="target_session_attrs", is_standby=True
    ),
    "no right to create": Mistake(
        problem=problems.DatabasePrivilege,
        words='grant create on database "{database}" to "{role}"',
        statements="alter database {database} owner to postgres",
        is_new=True,
    ),
}
OF_LEDGER = MISTAKES | {
    "no right to write": Mistake(
        problem=problems.DatabasePrivilege,
        words="must belong to that role",
        statements="alter table loads owner to postgres; grant select on loads to {role}",
    ),
    "no schema": Mistake(
        problem=problems.DatabaseSchemaMissing,
        words='create schema if not exists "public"',
        statements="drop schema public",
        is_new=True,
    ),
    "schema of a role": Mistake(
        problem=problems.LedgerInOtherSchema,
        words="?options=-csearch_path%3Dcampus",
        statements="create schema campus; create table campus.loads ();"
        "create table campus.delivery_attempts ()",
        is_new=True,
    ),
    "quota": Mistake(
        problem=problems.DatabaseFull,
        words="raise the quota",
        statements="create function quota() returns trigger language plpgsql as "
        "'begin raise disk_full; end'; create trigger quota before insert on loads "
        "for each statement execute function quota()",
    ),
}
OF_WAREHOUSE = MISTAKES | {
    "quota": Mistake(
        problem=problems.DatabaseFull,
        words="raise the quota",
        statements="create function quota() returns event_trigger language plpgsql as "
        "'begin raise disk_full; end'; create event trigger quota on ddl_command_start "
        "when tag in ('CREATE TABLE') execute function quota()",
    )
}
ON_LIVE_LEDGERS = {name: mistake for name, mistake in OF_LEDGER.items() if not mistake.is_new} | {
    "SQL_ASCII": MISTAKES["SQL_ASCII"]
}

_numbers = count(1)


@dataclass
class Database:
    """A database, and the role that we connect as, which owns it and is no superuser."""

    server: PostgresServer
    name: str
    role: str
    key: str = "unknown"

    @classmethod
    def create(cls, server: PostgresServer, encoding: str = "UTF8") -> "Database":
        """Create a database and its owner."""
        database = cls(server, f"campus_{next(_numbers)}", f"loader_{next(_numbers)}")
        database.run("create role {role} login", "postgres")
        database.run(
            "create database {database} owner {role} template template0 "
            f"encoding '{encoding}' lc_collate 'C' lc_ctype 'C'",
            "postgres",
        )
        return database

    @property
    def url(self) -> str:
        """The URL for SQLAlchemy and for us."""
        return self.server.url(self.name, self.role)

    def run(self, statements: str, where: str = "") -> None:
        """Run statements as a superuser."""
        with self.server.connect(where or self.name) as connection:
            connection.execute(statements.format(database=self.name, role=self.role).encode())

    def use(self) -> None:
        """Make it a ledger with a customer and a key, and a warehouse with a version."""
        with closing(Ledger.open(self.url)) as ledger:
            ledger.migrate()
            ledger.customers.add(Customer("iqu", "IQ", "iqu-feeds"), NOW)
            self.key, _ = ledger.keys.issue("iqu", Environment.QA, NOW)
        with tempfile.TemporaryDirectory() as scratch:
            publish(self, 0, Path(scratch), "select '1' as xid, 2::bigint as batch")


def publish(database: Database, number: int, scratch: Path, query: str = ROWS) -> PostgresWarehouse:
    """Publish the rows of a query as the next version."""
    warehouse = PostgresWarehouse(database.url)
    warehouse.publish(
        MEMBERS,
        small_field_map("members"),
        accepted_rows(scratch, query),
        number=number,
        job_id=new_job_id(),
        now=NOW,
    )
    return warehouse


@pytest.fixture(scope="module")
def standby() -> Iterator[Database]:
    """Run a server that can only be read, with a database that was used before."""
    home = Path(tempfile.mkdtemp(prefix="standby-"))
    with run_server(home) as server:
        database = Database.create(server)
        database.use()
    (home / "data" / "standby.signal").touch()
    with serve(home):
        yield database
    shutil.rmtree(home)


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
    warehouse = publish(otherwise, 1, tmp_path)
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


def test_a_schema_that_the_address_names_is_the_ledgers(postgres_server: PostgresServer) -> None:
    database = Database.create(postgres_server)
    database.run("create schema campus authorization {role}")
    url = f"{database.url}&options=-csearch_path%3Dcampus"
    with closing(Ledger.open(url)) as ledger:
        ledger.migrate()
        ledger.ping()
        with ledger.database.reading() as connection:
            found = connection.scalars(
                text("select schemaname from pg_tables where tableowner = current_user")
            )
            assert set(found) == {"campus"}


Arrange = Callable[[Mistake], Database]


@pytest.fixture
def arrange(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> Arrange:
    """Return a function that makes a database with a mistake in its set-up."""

    def arranged(mistake: Mistake) -> Database:
        if mistake.is_standby:
            database: Database = request.getfixturevalue("standby")
            return database
        database = Database.create(postgres_server, mistake.encoding)
        if not mistake.is_new:
            database.use()
        if mistake.statements:
            database.run(mistake.statements)
        return database

    return arranged


def expected(mistake: Mistake, database: Database) -> str:
    """Return words of the sentence that staff read."""
    return mistake.words.format(database=database.name, role=database.role)


@pytest.mark.parametrize("name", OF_LEDGER)
def test_a_mistake_in_the_ledgers_set_up_is_named_at_the_start(
    name: str, arrange: Arrange, tmp_path: Path
) -> None:
    mistake = OF_LEDGER[name]
    database = arrange(mistake)
    with pytest.raises(mistake.problem) as refused:
        prepare_installation(Settings(data_dir=tmp_path, ledger_url=database.url))
    assert expected(mistake, database) in str(refused.value)
    assert "of the ledger" in str(refused.value) or "ledger's" in str(refused.value)


@pytest.mark.parametrize("name", ON_LIVE_LEDGERS)
def test_a_gateway_whose_ledger_cannot_be_written_is_not_ready_and_names_the_fix_to_staff(
    name: str,
    arrange: Arrange,
    installation: Installation,
    catalog: Catalog,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mistake = ON_LIVE_LEDGERS[name]
    database = arrange(mistake)
    caller = installation.customer()
    caller.deliver("warehouse.csv")
    app = create_app(
        installation.settings,
        ledger=Ledger.open(database.url),
        buckets=installation.buckets,
        catalog=catalog,
        clock=lambda: NOW,
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        ready = client.get("/readyz")
        response = call(client, caller, apiKey=database.key)
    assert (response.status_code, ready.status_code) == (503, 503)
    assert expected(mistake, database) not in errors(response)[0]
    assert f"{mistake.problem.code}: " in caplog.text
    assert expected(mistake, database) in ready.json()["checks"]["ledger"]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_warehouses_set_up_is_named_at_the_start(
    name: str, arrange: Arrange, tmp_path: Path
) -> None:
    mistake = MISTAKES[name]
    database = arrange(mistake)
    settings = Settings(
        data_dir=tmp_path, warehouse="postgres", warehouse_url=SecretStr(database.url)
    )
    with pytest.raises(mistake.problem) as refused:
        prepare_installation(settings)
    assert expected(mistake, database) in str(refused.value)
    assert "of the warehouse" in str(refused.value)


@pytest.mark.parametrize("name", OF_WAREHOUSE)
def test_a_load_that_meets_a_mistake_in_the_set_up_is_not_retried_and_staff_read_the_fix(
    name: str, arrange: Arrange, installation: Installation, tmp_path: Path
) -> None:
    mistake = OF_WAREHOUSE[name]
    database = arrange(mistake)
    ledger, caller = installation.ledger, installation.customer()
    caller.deliver("members.csv", b"xid,batch\n1,2\n2,2\n")
    request = LoadRequest(new_job_id(), MEMBERS, "members.csv", None, None, "a@example.org")
    load = ledger.loads.accept(request, NOW)
    launch = ledger.queue.request(load, NOW)
    assert launch
    context = LoadContext(
        ledger=ledger,
        buckets=installation.buckets,
        warehouse=PostgresWarehouse(database.url),
        scratch=tmp_path / "scratch",
        archive=FolderArchive(tmp_path / "archive"),
        clock=lambda: NOW,
        log=logging.getLogger(__name__),
        gateway_url="",
        staff=Staff((StaffRecipient(Channel.MAIL, "ops@example.org"),)),
    )
    outcome = attempt(load, launch, "run", small_field_map("members"), context)
    assert isinstance(outcome, AttemptFailed)
    assert isinstance(outcome.problem, mistake.problem)
    assert not outcome.is_retryable
    ended = ledger.loads.get(load.job_id)
    assert ended is not None
    assert ended.state is LoadState.FAILED
    notices = {
        notification.notice.destination: notification.notice.body
        for notification in ledger.notifications.of(load.job_id)
    }
    assert expected(mistake, database) in notices["ops@example.org"]
    assert expected(mistake, database) not in notices["a@example.org"]
    assert "the fault is ours" in notices["a@example.org"]


def test_the_reconcile_sensor_names_the_mistake_while_it_cannot_tell_what_was_published(
    standby: Database, installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = installation.ledger
    installation.customer()
    load = ledger.loads.accept(LoadRequest(new_job_id(), MEMBERS, "members.csv", None, None), NOW)
    launch = ledger.queue.request(load, NOW)
    assert launch
    ledger.attempts.begin(load, "run", NOW, launch=launch)
    check = CheckRecord(counts=Counts(2, 2, 0))
    assert ledger.attempts.claim_publication(load.job_id, 1, check, None, NOW)
    reconciler = LoadReconciler(
        ledger=ledger,
        runs_of=lambda _: {load.job_id: [Run(id="run", state=RunState.FAILED, launch=launch)]},
        open_warehouse=lambda: PostgresWarehouse(standby.url),
        clock=lambda: NOW,
        retry_wait=timedelta(seconds=30),
        gateway_url="",
    )
    assert reconciler.reconcile() == {"left": 1}
    assert MISTAKES["standby"].words in caplog.text


def test_a_database_that_cannot_be_written_can_still_be_read(standby: Database) -> None:
    version = PostgresWarehouse(standby.url).live(MEMBERS)
    assert version is not None
    assert version.rows == 1
    with closing(Ledger.open(standby.url)) as ledger:
        ledger.migrate()
        assert ledger.customers.get("iqu").bucket == "iqu-feeds"


def test_a_missing_extension_is_named_to_who_runs_a_query(arrange: Arrange) -> None:
    mistake = Mistake(
        problem=problems.DatabaseExtensionMissing,
        words="create extension plpgsql",
        statements="drop extension plpgsql; alter role {role} createrole",
    )
    database = arrange(mistake)
    with pytest.raises(mistake.problem, match=mistake.words):
        PostgresWarehouse(database.url).query("iqu", "qa", "select 1 as one")


def test_dagsters_schema_needs_no_privilege_once_it_is_there(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    database = Database.create(postgres_server)
    database.use()
    settings = Settings(data_dir=tmp_path, ledger_url=database.url)
    database.run(
        "alter database {database} owner to postgres; grant usage on schema public to {role}"
    )
    with pytest.raises(problems.DatabasePrivilege, match="grant create on database"):
        make_schema(settings)
    database.run("create schema dagster authorization {role}")
    make_schema(settings)
