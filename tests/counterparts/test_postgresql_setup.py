"""PostgreSQL with a mistake in its set-up: staff read the fix at once, and nothing is retried.

A mistake is a line of MISTAKES if ledger and warehouse can have it, else of OF_LEDGER or
OF_WAREHOUSE.
"""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.cli.dagster_storage import make_schema
from alumniq_pipelines.cli.home import prepare_installation
from alumniq_pipelines.core.access.public_urls import NO_PUBLIC_URLS
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import CheckRecord
from alumniq_pipelines.core.loads.reconciliation import Run, RunState
from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.core.notifications.staff import Staff, StaffRecipient
from alumniq_pipelines.core.problems import database as problems
from alumniq_pipelines.services.attempt import attempt
from alumniq_pipelines.services.attempt_outcome import AttemptFailed
from alumniq_pipelines.services.load_context import LoadContext
from alumniq_pipelines.services.reconciliation import LoadReconciler
from alumniq_pipelines.settings import Settings
from tests.accepted_rows import small_field_map
from tests.postgres_databases import MEMBERS, Database, set_up
from tests.servers.gateway import NOW, Installation, call, errors
from tests.servers.postgres import PostgresServer, run_server, serve
from webhook_gateway.app import create_app


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What is wrong: `statements` run as a superuser; words of the sentence that staff read."""

    problem: type[problems.DatabaseProblem]
    words: str
    statements: str = ""
    encoding: str = "UTF8"
    mending: str = ""
    """Statements that undo it, while everything keeps running."""
    is_new: bool = False
    """The database has no tables yet."""
    is_standby: bool = False


TABLES = "create schema {0}; create table {0}.loads (); create table {0}.delivery_attempts ();"
IN_OTHER_SCHEMAS = {
    # name: how the address names the schema, statements
    "schema of a role": ("campus", TABLES.format("campus")),
    "schema of a role, no other": ("campus", TABLES.format("campus") + "drop schema public"),
    "schema of a role, another program in public": (
        "campus",
        TABLES.format("campus") + "create table public.alembic_version as select 'theirs'::text "
        "as version_num; grant select on public.alembic_version to {role}",
    ),
    "schema with a blank and capitals": ("%22My%5C%20Campus%22", TABLES.format('"My Campus"')),
}
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
        mending="alter role {role} reset all",
    ),
    "read-only database": Mistake(
        problem=problems.DatabaseReadOnly,
        words=READ_ONLY,
        statements="alter database {database} set default_transaction_read_only = on",
        mending="set transaction read write; alter database {database} reset all",
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
        mending="alter table loads owner to {role}",
    ),
    "no schema": Mistake(
        problem=problems.DatabaseSchemaMissing,
        words='create schema if not exists "public"',
        statements="drop schema public",
        is_new=True,
    ),
    "quota": Mistake(
        problem=problems.DatabaseFull,
        words="raise the quota",
        statements="create function quota() returns trigger language plpgsql as "
        "'begin raise disk_full; end'; create trigger quota before insert on loads "
        "for each statement execute function quota()",
        mending="drop trigger quota on loads",
    ),
}
OF_LEDGER |= {
    name: Mistake(
        problem=problems.LedgerInOtherSchema,
        words=f"options=-csearch_path%3D{schema} to",
        statements=statements,
        is_new=True,
    )
    for name, (schema, statements) in IN_OTHER_SCHEMAS.items()
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
        set_up(Settings(data_dir=tmp_path, ledger_url=database.url))
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
    """Once the mistake is fixed it needs no restart, though pooled sessions stay as they began."""
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
        if mistake.mending:
            database.run(mistake.mending)
            assert client.get("/readyz").status_code == 200
            assert call(client, caller, apiKey=database.key).status_code == 200
    assert (response.status_code, ready.status_code) == (503, 503)
    assert expected(mistake, database) not in errors(response)[0]
    logged = [text for text in caplog.messages if text.startswith(f"{mistake.problem.code}: ")]
    assert len(logged) == len(("ready", "response"))
    assert all(expected(mistake, database) in text for text in logged)
    # Anyone may ask: names of databases and roles are for the log.
    assert ready.json()["checks"]["ledger"] == (mistake.problem.__doc__ or "").splitlines()[0]


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
        public_urls=NO_PUBLIC_URLS,
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
        public_urls=NO_PUBLIC_URLS,
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


def test_a_query_on_a_standby_that_lacks_its_reader_names_the_standby(standby: Database) -> None:
    with pytest.raises(problems.DatabaseReadOnly, match=MISTAKES["standby"].words):
        PostgresWarehouse(standby.url).query("iqu", "qa", "select 1 as one")


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
