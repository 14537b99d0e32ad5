"""Every command from a shell that has the settings and nothing else: all in PostgreSQL."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.home import migrate, prepare_installation
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.core.notifications.staff import Staff, mail_recipients
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse
from tests.accepted_rows import batch, small_field_map
from tests.servers.postgres import PostgresServer
from tests.strict_catalog import read_catalog

TARGET = Target("iqu", Environment.QA, "warehouse")
IQU = "iqu qa warehouse"
STARTS_PROGRAMS = {"up", "demo"}
"""These start Dagster's programs, with all that those need: tests/e2e/test_commands_up_and_demo."""

COMMANDS: Mapping[str, str] = {
    "migrate": "",
    "customer add": "ocu --name OCU",
    "customer list": "",
    "customer signing-secret rotate": "iqu",
    "customer signing-secret stop": "iqu",
    "key issue": "iqu qa",
    "key rotate": "{key}",
    "key list": "",
    "key revoke": "{key}",
    "feed list": "",
    "feed show": "warehouse",
    "feed check": "",
    "feed template": "warehouse",
    "feed package": "",
    "feed schema": "",
    "check": "{file} --feed warehouse-lookups",
    "load approve": "{approved} --reason fine",
    "load discard": "{discarded} --reason wrong",
    "load cancel": "{approved}",
    "load repeat": "{ended}",
    "load list": "",
    "load show": "{ended}",
    "subscription set": f"{IQU} --max-rejected 3",
    "subscription list": "",
    "notification list": "",
    "notification show": "{notification}",
    "notification resend": "{notification}",
    "staff add": "ada --password correct-horse-battery",
    "staff list": "",
    "staff disable": "ada",
    "version list": IQU,
    "version rollback": IQU,
    "watch set": f"{IQU} --every 1d",
    "watch snooze": f"{IQU} --for 1d",
    "watch list": "",
    "watch incidents": "",
    "watch remove": IQU,
    "backup": "{file}.backup",
}
"""In an order in which each finds what it needs; these end with exit code 0."""

NOTHING_THERE: Mapping[str, str] = {
    "restore": "{file}.backup",
    "load report": "{ended} --output {file}.xlsx",
    "watch suggest": IQU,
    "sql": "iqu qa nothing",
}
"""These find nothing, or what is in the way: they end with exit code 2."""

SOMETHING_TO_DO: Mapping[str, str] = {"doctor": ""}
"""These find what is to be done: they end with exit code 1."""


@dataclass(frozen=True)
class Installation:
    """What the commands need, prepared before they run."""

    ledger: Ledger
    names: dict[str, str]


@pytest.fixture
def installation(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    ledger_name, warehouse = postgres_server.create(), postgres_server.create()
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("ALUMNIQ_LEDGER_URL", postgres_server.url(ledger_name))
    monkeypatch.setenv("ALUMNIQ_WAREHOUSE", "postgres")
    monkeypatch.setenv("ALUMNIQ_WAREHOUSE_URL", postgres_server.url(warehouse))
    for name in ("DAGSTER_HOME", "DAGSTER_POSTGRES_URL"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings()
    migrate(settings)
    prepare_installation(settings)
    alumniq("customer add iqu --name IQU")
    field_map = read_catalog(settings.schemas_dir).feed("warehouse")
    for number in (1, 2):
        open_warehouse(settings).publish(
            TARGET,
            field_map,
            batch(tmp_path, number, count=10),
            number=number,
            job_id=new_job_id(),
            now=datetime.now(UTC),
        )
    lookups = tmp_path / "lookups.csv"
    lookups.write_text(
        '"list","code","description","sortOrder","isActive"\n"u","A","B","1","true"\n'
    )
    with closing(Ledger.open(settings.ledger)) as ledger:
        _, key = ledger.keys.issue("iqu", Environment.QA, datetime.now(UTC))
        ended, notification = load_that_ended(ledger)
        names = {
            "key": key.prefix,
            "ended": ended.job_id,
            "notification": notification,
            "approved": held_load(ledger).job_id,
            "discarded": held_load(ledger).job_id,
            "file": str(lookups),
        }
        yield Installation(ledger, names)
    for name in (ledger_name, warehouse):
        postgres_server.drop(name)


def accepted(ledger: Ledger) -> Load:
    request = LoadRequest(new_job_id(), TARGET, "warehouse.csv", "e1", 9, "ada@iqu.example")
    load = ledger.loads.accept(request, datetime.now(UTC))
    ledger.attempts.begin(load, f"run-{load.number}", datetime.now(UTC))
    return load


def load_that_ended(ledger: Ledger) -> tuple[Load, str]:
    """End a load whose file is in the archive; name the load and the notification of its end."""
    load, now = accepted(ledger), datetime.now(UTC)
    ledger.attempts.end(load.job_id, 1, AttemptResult.REFUSED, now, receipt=Receipt("cafe", "e1"))
    notices = Staff(mail_recipients(("ada@iqu.example",))).notices("Not loaded", "text")
    ledger.loads.end(load.job_id, Outcome(LoadState.FAILED, ("wrong",)), notices, now)
    [notification] = ledger.notifications.of(load.job_id)
    assert notification.notice.channel is Channel.MAIL
    return load, notification.id


def held_load(ledger: Ledger) -> Load:
    load, now = accepted(ledger), datetime.now(UTC)
    hold = Hold(
        job_id=load.job_id,
        held=HeldRows(
            digest="beef",
            field_map=small_field_map("warehouse"),
            table="warehouse",
            columns=("xid",),
            rows=4,
            sha256="cafe",
            etag="e1",
        ),
        counts=Counts(5, 4, 1),
        changes=Changes(1, 2, 30, 1, {"city": 2}),
        reasons=("30 rows removed.",),
        held_at=now,
        expires_at=now + timedelta(days=7),
    )
    assert ledger.holds.hold(hold, 1, Receipt("cafe", "e1"), [])
    return load


def alumniq(line: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == code, f"{line}: {result.output}{result.exception!r}"
    return result.output


def leaves(command: Any, *path: str) -> Iterator[str]:
    """Name every command; typer has a click of its own, so groups are known by what they hold."""
    if not hasattr(command, "commands"):
        yield " ".join(path)
        return
    for name, child in command.commands.items():
        yield from leaves(child, *path, name)


def test_every_command_is_walked() -> None:
    walked = {*COMMANDS, *NOTHING_THERE, *SOMETHING_TO_DO} | STARTS_PROGRAMS
    assert walked == set(leaves(typer.main.get_command(app)))


def test_every_command_works_in_a_shell_that_has_the_settings_only(
    installation: Installation,
) -> None:
    for command, arguments in COMMANDS.items():
        alumniq(f"{command} {arguments.format(**installation.names)}")
    for command, arguments in NOTHING_THERE.items():
        message = alumniq(f"{command} {arguments.format(**installation.names)}", code=2)
        assert message.startswith("Error: ")
    for command, arguments in SOMETHING_TO_DO.items():
        alumniq(f"{command} {arguments.format(**installation.names)}", code=1)


def test_a_customer_that_cannot_be_added_gets_no_bucket(
    installation: Installation, tmp_path: Path
) -> None:
    del installation
    buckets = tmp_path / "var" / "buckets"
    before = sorted(path.name for path in buckets.iterdir())
    alumniq("customer add iqu --name Again --bucket another-bucket", code=2)
    assert sorted(path.name for path in buckets.iterdir()) == before
