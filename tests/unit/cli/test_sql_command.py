import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.cli.installation import operator
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.loads.load import new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.settings import Settings
from tests.accepted_rows import accepted_rows, small_field_map

ROWS = """
    select * from (values
        ('0012', 'O''Neill, "Peg"' || chr(10) || '[bold]', date '1998-05-24', 25.50, true,
            time '09:05'),
        ('0013', null, null, null, null, null)
    ) t(xid, name, born, gift, alum, opens)
"""


@pytest.fixture(autouse=True)
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path))
    DuckDBWarehouse(tmp_path / "warehouse").publish(
        Target("iqu", Environment.QA, "members"),
        small_field_map("members"),
        accepted_rows(tmp_path, ROWS),
        number=1,
        job_id=new_job_id(),
        now=datetime.now(UTC),
    )


def test_json_is_an_object_per_row() -> None:
    result = CliRunner().invoke(app, ["sql", "iqu", "qa", "from members", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == [
        {
            "xid": "0012",
            "name": 'O\'Neill, "Peg"\n[bold]',
            "born": "1998-05-24",
            "gift": "25.50",
            "alum": True,
            "opens": "09:05:00",
        },
        dict.fromkeys(["name", "born", "gift", "alum", "opens"]) | {"xid": "0013"},
    ]


def test_json_loses_no_column_to_a_repeated_name() -> None:
    result = CliRunner().invoke(app, ["sql", "iqu", "qa", "select 1 a, 2 a, 3 a_1", "--json"])
    assert json.loads(result.stdout) == [{"a": 1, "a_1": 2, "a_1_1": 3}]


def test_csv_reads_back_as_it_was() -> None:
    result = CliRunner().invoke(app, ["sql", "iqu", "qa", "from members", "--csv"])
    assert list(csv.reader(io.StringIO(result.stdout, newline=""))) == [
        ["xid", "name", "born", "gift", "alum", "opens"],
        ["0012", 'O\'Neill, "Peg"\n[bold]', "1998-05-24", "25.50", "True", "09:05:00"],
        ["0013", "", "", "", "", ""],
    ]


def test_people_see_a_table_of_as_much_as_they_can_read() -> None:
    query = "select * from range(1000), members where xid = '0012'"
    result = CliRunner().invoke(app, ["sql", "iqu", "qa", query])
    assert result.exit_code == 0
    assert "[bold]" in result.stdout
    assert result.stdout.count("0012") == 100
    assert "These are the first 100 rows; use --csv or --json to print all." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody", "qa", "select 1"], "alumniq customer list"),
        (["iqu", "production", "select 1"], "Nothing has been published for 'iqu'"),
        (["iqu", "qa", "from nowhere"], "Tables: _versions, members."),
        (["iqu", "qa", "drop view members"], "Write one SELECT statement."),
        (["iqu", "qa", "from read_text('/etc/hostname')"], "PermissionException"),
        (["iqu", "qa", "from members", "--json", "--csv"], "Use either --json or"),
    ],
)
def test_a_failing_query_is_reported_with_advice(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["sql", *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert result.stdout == ""


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(Ledger.open(Settings().ledger)) as ledger:
        ledger.migrate()
        yield ledger


def entries(ledger: Ledger) -> list[tuple[object, ...]]:
    """Read the audit trail."""
    columns = audit.c.actor, audit.c.action, audit.c.subject, audit.c.detail
    with ledger.database.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(audit.c.id))]


def test_who_read_rows_is_in_the_audit_trail_without_the_values_of_the_query(
    ledger: Ledger,
) -> None:
    query = "select * from members where name = 'Peg'"
    for option in ("--json", "--csv"):
        assert CliRunner().invoke(app, ["sql", "iqu", "qa", query, option]).exit_code == 0
    assert CliRunner().invoke(app, ["sql", "iqu", "qa", "from members limit 1"]).exit_code == 0
    digest = sha256(query.encode()).hexdigest()
    first = (operator(), "rows queried", "iqu/qa", {"query_sha256": digest, "rows": 0})
    found = entries(ledger)
    assert found[:2] == [first, first]
    assert [detail["rows"] for *_, detail in found if isinstance(detail, dict)] == [0, 0, 1]
    assert "Peg" not in str(found)


@pytest.mark.parametrize("query", ["from read_text('/etc/hostname')", "select 'a\udcff'"])
def test_a_query_that_was_refused_is_in_the_audit_trail_too(ledger: Ledger, query: str) -> None:
    assert CliRunner().invoke(app, ["sql", "iqu", "qa", query]).exit_code == 2
    [(_, action, subject, detail)] = entries(ledger)
    assert (action, subject) == ("query refused", "iqu/qa")
    digest = sha256(query.encode(errors="surrogateescape")).hexdigest()
    assert detail == {"query_sha256": digest, "problem": "unusable-query"}


def test_a_query_that_cannot_be_recorded_shows_nothing(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.database.writing() as connection:
        connection.execute(text("drop table audit"))
    unrecorded = CliRunner().invoke(app, ["sql", "iqu", "qa", "from members", "--csv"])
    monkeypatch.setenv("ALUMNIQ_LEDGER_URL", f"postgresql://nobody@/ledger?host={tmp_path}")
    away = CliRunner().invoke(app, ["sql", "iqu", "qa", "from members", "--csv"])
    for result in (unrecorded, away):
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "The ledger cannot be read or written at the moment" in result.output


@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_decimals_are_printed_with_all_their_digits(option: str) -> None:
    query = "select 0.000000000000000001::decimal(38,18) a, 12345678901234567.89::decimal(38,2) b"
    result = CliRunner().invoke(app, ["sql", "iqu", "qa", query, option])
    assert "0.000000000000000001" in result.stdout
    assert "12345678901234567.89" in result.stdout
