import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.samples.code_lists import designations, lookups
from alumniq_pipelines.samples.files import write_sample_files, write_warehouse
from alumniq_pipelines.samples.planting import KINDS
from alumniq_pipelines.samples.recipes import Draws, degrees, warehouse
from alumniq_pipelines.settings import REPOSITORY
from tests.strict_catalog import read_catalog

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return read_catalog(REPOSITORY / "schemas")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Mapping[str, Path]:
    return write_sample_files(tmp_path_factory.mktemp("samples"), catalog, people=3_000)


@pytest.fixture(scope="module")
def feeds(files: Mapping[str, Path]) -> Mapping[str, Rows]:
    return {name: read(path) for name, path in files.items()}


def read(path: Path) -> Rows:
    """Read a file as strictly as Python can."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True, restkey="surplus", restval="missing"))


def test_there_is_a_recipe_for_every_column_and_a_column_for_every_recipe(
    catalog: Catalog,
) -> None:
    recipes = {
        "warehouse": warehouse(Draws(1)),
        "warehouse-degrees": degrees(Draws(1)),
        "warehouse-designations": next(designations(1)),
        "warehouse-lookups": next(lookups()),
    }
    for name, made in recipes.items():
        assert list(made) == [column.name for column in catalog.feed(name).columns], name


def test_a_seed_makes_the_same_bytes_and_another_seed_does_not(
    tmp_path: Path, catalog: Catalog
) -> None:
    digests = []
    for index, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(index)
        folder.mkdir()
        made = write_sample_files(folder, catalog, people=500, seed=seed)
        digests.append([hashlib.sha256(path.read_bytes()).digest() for path in made.values()])
    assert digests[0] == digests[1]
    assert digests[0][0] != digests[2][0]


def test_every_value_is_quoted(files: Mapping[str, Path]) -> None:
    for path in files.values():
        for line in path.read_text("utf-8").split("\n")[:20]:
            assert line.startswith('"') or "Gifts" in line or line == ""


def test_keys_are_unique_and_references_fit(feeds: Mapping[str, Rows], catalog: Catalog) -> None:
    for name, rows in feeds.items():
        schema = catalog.feed(name).table_schema
        keys = [tuple(row[field] for field in schema.primary_key) for row in rows]
        assert len(set(keys)) == len(rows)
        for foreign in schema.foreign_keys:
            where = dict(foreign.alumniq.where)
            known = {
                tuple(row[field] for field in foreign.reference.fields)
                for row in feeds[foreign.reference.resource]
                if where.items() <= row.items()
            }
            found = {tuple(row[field] for field in foreign.fields) for row in rows}
            assert found - {("",)} <= known, (name, foreign.fields)


def test_files_are_awkward_in_every_legal_way(feeds: Mapping[str, Rows]) -> None:
    people = feeds["warehouse"]
    assert all(row["xid"].startswith("0") and len(row["xid"]) == 9 for row in people)
    text = "".join("".join(row.values()) for row in people)
    for awkward in ('"', ",", "\n", "'", "é", "ř", "&"):
        assert awkward in text
    assert {row["isMember"] for row in people} == {"", "0", "1"}


def test_nobody_real_can_be_written_to_or_called(feeds: Mapping[str, Rows]) -> None:
    for row in feeds["warehouse"]:
        for name in ("emailAddress", "prospectManagerEmail"):
            assert row[name].endswith(("@example.org", "@example.edu", ""))
            assert row[name].isascii()
        for name in ("homePhoneNumber", "mobilePhoneNumber"):
            assert row[name] == "" or row[name].startswith("+141355501")


def test_preferred_degrees_are_among_the_degrees(feeds: Mapping[str, Rows]) -> None:
    first = {row["xid"]: row for row in feeds["warehouse-degrees"] if row["degreeId"] == "1"}
    assert len(feeds["warehouse-degrees"]) > len(first)
    for row in feeds["warehouse"]:
        degree = first.get(row["xid"])
        code = degree["degreeCode"] if degree else ""
        year = degree["classYear"] if degree else ""
        assert (row["prefdegree"], row["prefclassyear"]) == (code, year)


@pytest.mark.parametrize("every", [2, 7, 100])
def test_faults_are_where_the_list_says(tmp_path: Path, catalog: Catalog, every: int) -> None:
    path = tmp_path / "bad.csv"
    faults = write_warehouse(path, catalog.feed("warehouse"), 3_000, bad_every=every)
    assert len(faults) == 3_000 // every
    rows = read(path)
    lines = path.read_text("utf-8").split("\n")
    counted = {code: 0 for code, _ in KINDS}
    for fault in faults:
        counted[fault.code] += 1
        row = rows[fault.row - 1]
        assert lines[fault.line - 1].startswith(f'"{row["xid"]}","A')
        broken = {
            "required": row["xid"] == "",
            "type": row["isMember"] == "maybe",
            "duplicate-key": row["xid"] == rows[fault.row - 2]["xid"],
            "ragged-row": row["memberType"] == "missing",
            "length": len(row["xid"]) > 64,
        }
        assert [code for code, is_so in broken.items() if is_so] == [fault.code]
    assert max(counted.values()) - min(counted.values()) <= 1


def test_rows_between_the_faults_are_as_without_them(tmp_path: Path, catalog: Catalog) -> None:
    clean, bad = tmp_path / "clean.csv", tmp_path / "bad.csv"
    assert write_warehouse(clean, catalog.feed("warehouse"), 2_000) == []
    faults = write_warehouse(bad, catalog.feed("warehouse"), 2_000, bad_every=10)
    broken = {fault.row for fault in faults}
    pairs = zip(read(clean), read(bad), strict=True)
    changed = {row for row, (one, other) in enumerate(pairs, start=1) if one != other}
    assert changed == broken
