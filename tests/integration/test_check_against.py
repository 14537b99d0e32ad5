"""`alumniq check` with the rows of other feeds: in files, or live."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import audit
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.cli.installation import operator
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.settings import REPOSITORY, Settings
from tests.integration.loading.installation import Installation
from tests.strict_catalog import read_catalog

DEGREES = "xid,degreeId,degreeCode,school\n001,1,BA,AS\n002,1,BA,\n"
PEOPLE = "xid,lastName\n001,Lee\n"
CODES = "list,code\nschool,AS\n"
Check = Callable[..., Result]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALUMNIQ_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Return a function that checks a file of degrees; the other files are beside it."""
    for name, content in (("degrees", DEGREES), ("people", PEOPLE), ("codes", CODES)):
        (tmp_path / f"{name}.csv").write_text(content, encoding="utf-8")

    def run(*options: str) -> Result:
        arguments = ("--feed", "warehouse-degrees", "--json", *options)
        return CliRunner().invoke(app, ["check", str(tmp_path / "degrees.csv"), *arguments])

    return run


def notes(done: Result) -> Sequence[str]:
    found: dict[str, Any] = json.loads(done.stdout)
    return [note["message"] for note in found["notes"] if "feed" in note["message"]]


def orphans(done: Result) -> Sequence[tuple[str, int]]:
    found: dict[str, Any] = json.loads(done.stdout)
    return [(warning["message"], warning["first_line"]) for warning in found["warnings"]]


ORPHAN = ("`xid` does not match any row of the feed warehouse", 3)


def test_without_other_rows_references_are_not_checked_and_a_note_says_how_to(
    check: Check,
) -> None:
    assert notes(check()) == [
        f"References to the feed {feed} were not checked because its rows are not available here "
        f"(use --against {feed}=FILE or --live CUSTOMER.ENVIRONMENT)."
        for feed in ("warehouse", "warehouse-lookups")
    ]


def test_references_are_looked_up_in_files_of_other_feeds(check: Check, tmp_path: Path) -> None:
    people, codes = tmp_path / "people.csv", tmp_path / "codes.csv"
    options = ("--against", f"warehouse={people}", "--against", f"warehouse-lookups={codes}")
    done = check(*options)
    assert (notes(done), orphans(done)) == ([], [ORPHAN])


def test_references_never_match_invalid_rows_of_another_file(check: Check, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(f"{PEOPLE}002,Roe,\n001,Lee\n", encoding="utf-8")
    done = check("--against", f"warehouse={people}")
    assert notes(done)[0] == (
        "In the file for the feed warehouse, 2 rows are rejected by the rules of that feed; no "
        "reference can match there."
    )
    assert orphans(done) == [ORPHAN]


def test_references_are_looked_up_in_live_data_as_by_a_load(check: Check, tmp_path: Path) -> None:
    catalog = read_catalog(REPOSITORY / "schemas")
    warehouse = DuckDBWarehouse(Settings().warehouse_dir)
    installation = Installation(tmp_path / "iqu", catalog.feed("warehouse"), warehouse)
    installation.deliver(PEOPLE)
    installation.publish()
    done = check("--live", "iqu.qa")
    note = "The feed warehouse-lookups has no live data yet, so references to it were not checked."
    assert (notes(done), orphans(done)) == ([note], [ORPHAN])
    with closing(Ledger.open(Settings().ledger)) as ledger, ledger.database.reading() as trail:
        columns = audit.c.actor, audit.c.action, audit.c.subject
        recorded = [tuple(row) for row in trail.execute(select(*columns))]
    assert recorded == [(operator(), "live rows compared", "iqu/qa/warehouse-degrees")]
    loading = Installation(tmp_path / "load", catalog.feed("warehouse-degrees"), warehouse)
    loading.deliver(DEGREES)
    result = loading.publish(2).check_result
    assert result.notes[-1] == note
    assert [(warning.message, warning.first_line) for warning in result.warnings] == [ORPHAN]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--live", "iqu"), "use CUSTOMER.ENVIRONMENT"),
        (("--live", "iqu.staging"), "use CUSTOMER.ENVIRONMENT"),
        (("--against", "warehouse-b=x.csv"), "warehouse, warehouse-lookups"),
        (("--against", "warehouse"), "file not found. Use FEED=FILE"),
        (("--against", f"warehouse={__file__}"), "The file of the feed warehouse cannot be used"),
    ],
)
def test_an_unusable_reference_source_is_reported(
    check: Check, options: Sequence[str], error: str
) -> None:
    done = check(*options)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert error in " ".join(done.stderr.replace("│", " ").split())
