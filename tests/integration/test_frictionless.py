"""frictionless, which is not part of the product, understands the field maps."""

import csv
import io
import json
from pathlib import Path

import pytest
import yaml
from frictionless import Package, Resource

from alumniq_pipelines.core.feeds.json_schema import descriptor, package
from alumniq_pipelines.core.feeds.template import template
from alumniq_pipelines.settings import REPOSITORY
from tests.strict_catalog import read_catalog

SCHEMAS = REPOSITORY / "schemas"
CATALOG = read_catalog(SCHEMAS)
FEEDS = list(CATALOG.feeds)


def deliver(folder: Path) -> Path:
    """Return a folder with the templates of all feeds and their data package."""
    for field_map in CATALOG:
        (folder / field_map.path).write_text(template(field_map, CATALOG), encoding="utf-8")
    path = folder / "datapackage.json"
    path.write_text(json.dumps(package(CATALOG)))
    return path


def errors_of(package_path: Path) -> set[str]:
    """Return the types of all errors in a data package."""
    report = Package(str(package_path)).validate()
    assert not report.errors
    assert report.stats["tasks"] == len(FEEDS)
    return {kind for (kind,) in report.flatten(["type"])}


@pytest.mark.parametrize("feed", FEEDS)
def test_a_field_map_is_a_data_resource(feed: str) -> None:
    written = yaml.safe_load((SCHEMAS / f"{feed}.yaml").read_text(encoding="utf-8"))
    assert list(Resource.metadata_validate(written)) == []


@pytest.mark.parametrize("feed", FEEDS)
def test_ours_and_the_yaml_are_the_same_descriptor(feed: str) -> None:
    written = yaml.safe_load((SCHEMAS / f"{feed}.yaml").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(descriptor(CATALOG.feed(feed)))) == written


def test_the_templates_of_all_feeds_are_valid_together(tmp_path: Path) -> None:
    assert errors_of(deliver(tmp_path)) == set()


@pytest.mark.parametrize("feed", FEEDS)
def test_columns_may_come_in_any_order_and_optional_ones_be_absent(
    feed: str, tmp_path: Path
) -> None:
    package_path = deliver(tmp_path)
    field_map = CATALOG.feed(feed)
    path = tmp_path / field_map.path
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    needed = [column.name for column in field_map.columns if field_map.is_required(column)]
    referred = {"code", "list", "xid"}
    columns = [*reversed([name for name in rows[0] if name in referred or name in needed])]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    assert errors_of(package_path) == set()


@pytest.mark.parametrize("feed", FEEDS)
def test_a_blank_key_is_refused(feed: str, tmp_path: Path) -> None:
    package_path = deliver(tmp_path)
    field_map = CATALOG.feed(feed)
    path = tmp_path / field_map.path
    header = path.read_text(encoding="utf-8").splitlines()[0]
    width = len(next(csv.reader([header])))
    with path.open("a", encoding="utf-8") as file:
        file.write(",".join(['""'] * width) + "\n")
    assert errors_of(package_path) & {"constraint-error", "primary-key"}


@pytest.mark.parametrize("feed", FEEDS)
def test_a_missing_key_column_is_refused(feed: str, tmp_path: Path) -> None:
    package_path = deliver(tmp_path)
    path = tmp_path / CATALOG.feed(feed).path
    key = CATALOG.feed(feed).table_schema.primary_key[0]
    text = path.read_text(encoding="utf-8").replace(f'"{key}"', '"somethingElse"', 1)
    path.write_text(text, encoding="utf-8")
    assert "missing-label" in errors_of(package_path)


@pytest.mark.parametrize(
    ("feed", "old", "new", "fault"),
    [
        ("warehouse", '"1","Life"', '"yes","Life"', "type-error"),
        ("warehouse-degrees", '"1998-05-24"', '"05/24/1998"', "type-error"),
        ("warehouse-degrees", '"1998","', '"98","', "type-error"),
        ("warehouse-degrees", '"UG"', '"XX"', "foreign-key"),
        ("warehouse-degrees", '"001234567"', '"1234567"', "foreign-key"),
        ("warehouse-designations", '"25.00"', '"-1"', "constraint-error"),
        ("warehouse-designations", '"true"', '"perhaps"', "type-error"),
        ("warehouse-lookups", '"honors","MCL"', '"degreeType","UG"', "primary-key"),
        ("warehouse-membership-summary", '"001234568"', '"7"', "foreign-key"),
        ("volunteer-prospect", "\"Margaret O'Neill", '"","Margaret O\'Neill', "extra-cell"),
        ("warehouse-b", '"001234567"', '"1"', "foreign-key"),
    ],
)
def test_a_bad_value_is_refused(feed: str, old: str, new: str, fault: str, tmp_path: Path) -> None:
    package_path = deliver(tmp_path)
    path = tmp_path / CATALOG.feed(feed).path
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert fault in errors_of(package_path)
