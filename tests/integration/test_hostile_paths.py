"""Paths of any name: the file that is named is read, and no other.

`alumniq check 'a[bc].csv'` read `ab.csv`, and a plain file called `x.csv.gz` could not be read.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.checking.reference_sources import FileReferences, ReferencedFile
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.paths import OutputNotWritable, UnusableFolderName
from alumniq_pipelines.services.file_check import check_file
from alumniq_pipelines.settings import Settings
from tests.hostile_names import DECOYS, ENDINGS, PLAIN_NAMES, REFUSED_NAMES
from tests.integration.loading.conftest import DOCUMENT
from tests.integration.loading.installation import NOW, Installation

THREE = "xid,lastName\n1,Lee\n2,Roe\n3,Poe\n"
ONE = "xid,lastName\n9,Doe\n"
NAMES = (*PLAIN_NAMES, *REFUSED_NAMES)
FILE_NAMES = [name + ending for name in NAMES for ending in ENDINGS[:1]]
FILE_NAMES += [f"x{ending}" for ending in ENDINGS]


@pytest.fixture
def people() -> FieldMap:
    return FieldMap.model_validate(DOCUMENT)


def with_decoys(folder: Path, name: str, content: str) -> Path:
    """Write a file, and beside it others that its name would match as a pattern."""
    for decoy in DECOYS:
        (folder / f"{decoy}.csv").write_text(ONE)
    path = folder / name
    path.write_text(content)
    return path


@pytest.mark.parametrize("name", FILE_NAMES, ids=ascii)
def test_the_file_that_is_named_is_checked_and_its_rows_are_written_where_asked(
    people: FieldMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with_decoys(tmp_path, name, THREE)
    monkeypatch.chdir(tmp_path)
    output = Path(name + ".out.CSV")
    result = check_file(Path(name), people, output)
    assert (result.outcome, result.rows_read) == ("clean", 3)
    assert output.read_text().splitlines()[1:] == ["1,Lee,0,,,", "2,Roe,0,,,", "3,Poe,0,,,"]
    left = {path.name for path in tmp_path.iterdir()} - {f"{decoy}.csv" for decoy in DECOYS}
    assert left == {name, output.name}


@pytest.mark.parametrize("name", FILE_NAMES, ids=ascii)
def test_references_are_looked_up_in_the_file_that_is_named(tmp_path: Path, name: str) -> None:
    codes = FieldMap.model_validate(
        {
            "name": "codes",
            "path": "codes.csv",
            "schema": {"primaryKey": ["code"], "fields": [{"name": "code"}]},
        }
    )
    people = FieldMap.model_validate(
        {
            "name": "people",
            "path": "people.csv",
            "schema": {
                "primaryKey": ["xid"],
                "fields": [{"name": "xid"}],
                "foreignKeys": [
                    {
                        "fields": ["xid"],
                        "reference": {"resource": "codes", "fields": ["code"]},
                        "alumniq": {"severity": "error"},
                    }
                ],
            },
        }
    )
    other = with_decoys(tmp_path, name, "code\n1\n2\n")
    checked = tmp_path / "people.csv"
    checked.write_text("xid\n1\n2\n9\n")
    reference_sources = FileReferences(
        {"codes": ReferencedFile(other, codes)}, tmp_path / "scratch"
    )
    result = check_file(checked, people, reference_sources=reference_sources)
    assert (result.rows_accepted, result.rows_rejected) == (2, 1)


@pytest.mark.parametrize("name", PLAIN_NAMES, ids=ascii)
def test_a_whole_installation_works_in_a_folder_of_any_usable_name(
    people: FieldMap, tmp_path: Path, name: str
) -> None:
    for decoy in DECOYS:
        (tmp_path / decoy).mkdir()
    home = tmp_path / name
    home.mkdir()
    installation = Installation(home, people, DuckDBWarehouse(home / "warehouse"))
    installation.deliver(THREE)
    installation.publish(1)
    installation.deliver(THREE.replace("Poe", "Coe").replace("1,Lee\n", "1,\n"))
    second = installation.publish(2, max_rejected=1)
    assert second.changes is not None
    assert (second.changes.changed, second.changes.removed) == (1, 1)
    target = Target("iqu", Environment.QA, "people")
    rows = installation.warehouse.query("iqu", "qa", 'SELECT xid, "lastName" FROM people')[1]
    assert rows == [("2", "Roe"), ("3", "Coe")]
    assert [version.number for version in installation.warehouse.versions(target)] == [2, 1]
    assert installation.warehouse.make_live(target, 1, NOW).rows == 3
    assert not list(installation.scratch.iterdir())
    assert not any(list((tmp_path / decoy).iterdir()) for decoy in DECOYS)


@pytest.mark.parametrize("name", ["a[bc]", "o'neil", "c0=7"])
def test_rows_go_into_postgres_and_back_through_a_folder_of_any_usable_name(
    people: FieldMap, tmp_path: Path, postgres_url: str, name: str
) -> None:
    home = tmp_path / name
    home.mkdir()
    installation = Installation(home, people, PostgresWarehouse(postgres_url))
    installation.deliver(THREE)
    installation.publish(1)
    installation.deliver(THREE.replace("Poe", "Coe"))
    changes = installation.publish(2).changes
    assert changes is not None
    assert (changes.changed, changes.unchanged) == (1, 2)


@pytest.mark.parametrize("name", PLAIN_NAMES, ids=ascii)
def test_held_rows_are_published_from_a_folder_of_any_usable_name(
    people: FieldMap, tmp_path: Path, name: str
) -> None:
    home = tmp_path / name
    home.mkdir()
    installation = Installation(home, people, DuckDBWarehouse(home / "warehouse"))
    installation.deliver("xid,lastName,nation\n1,Lee,USA\n")
    installation.load(1)
    installation.deliver("xid,lastName\n1,Lee\n")
    held = installation.hold(2)
    assert installation.publish_held(2, held).version.number == 2


@pytest.mark.parametrize("name", PLAIN_NAMES, ids=ascii)
def test_a_ledger_is_stored_in_a_folder_of_any_usable_name(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    home.mkdir()
    settings = Settings(data_dir=home)
    ledger = Ledger.open(settings.ledger)
    ledger.migrate()
    ledger.close()
    assert (home / "ledger.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", REFUSED_NAMES, ids=ascii)
def test_a_folder_that_databases_cannot_be_opened_in_is_refused_with_the_reason(
    people: FieldMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    home = tmp_path / name
    home.mkdir()
    with pytest.raises(UnusableFolderName):
        _ = Settings(data_dir=home).home
    checked = tmp_path / "people.csv"
    checked.write_text(THREE)
    monkeypatch.setattr("tempfile.tempdir", str(home))
    with pytest.raises(UnusableFolderName):
        check_file(checked, people)


def test_an_output_that_cannot_be_written_is_a_problem_of_the_output(
    people: FieldMap, tmp_path: Path
) -> None:
    checked = tmp_path / "people.csv"
    checked.write_text(THREE)
    with pytest.raises(OutputNotWritable, match="No such file or directory"):
        check_file(checked, people, tmp_path / "nowhere" / "out.csv")


def checked_by_command(folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    alumniq = Path(sys.executable).with_name("alumniq")
    command = [str(alumniq), "check", "--feed", "warehouse", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["a[bc].csv", "-x.csv", "\udcff\x1b[31m\n.csv"], ids=ascii)
def test_the_command_checks_the_file_that_is_named_and_prints_its_name_harmlessly(
    tmp_path: Path, name: str
) -> None:
    with_decoys(tmp_path, name, THREE)
    done = checked_by_command(tmp_path, ["--", name])
    assert (done.returncode, done.stderr) == (0, "")
    assert "all 3 rows of" in done.stdout
    assert "\x1b" not in done.stdout
