"""Every property of the Frictionless standard is honoured, without effect, or refused by name.

schemas/README.md has a table of all of them, with what becomes of each.
"""

import json
import re
from typing import Any

import pytest
from frictionless import Dialect, Field, Package, Resource, Schema, fields
from frictionless.formats.csv import CsvControl

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.field_map_error import Path
from alumniq_pipelines.core.feeds.frictionless_standard import REFUSED_PROPERTIES
from alumniq_pipelines.core.feeds.json_schema import descriptor
from alumniq_pipelines.core.feeds.schema_errors import parse_field_map
from alumniq_pipelines.core.feeds.validation import validate_field_map
from alumniq_pipelines.settings import REPOSITORY
from tests.frictionless_properties import (
    FIELD_TYPES,
    KEY,
    OF_TYPES,
    OTHER_VALUES,
    PROBES,
    REFERENCE,
    STANDARD,
    Key,
)


def table() -> dict[Key, str]:
    """Return the treatment of each property in the documentation."""
    text = (REPOSITORY / "schemas/README.md").read_text(encoding="utf-8")
    rows = text.split("## The Frictionless standard")[1].split("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows if "`" in row]
    return {
        (owner, name): treatment
        for owner, names, treatment, _ in (row for row in cells if len(row) == 4)
        for name in re.findall("`([^`]+)`", names)
    }


TABLE = table()


def document(key: Key, value: Any) -> dict[str, Any]:
    """Return a small resource with a property."""
    owner, name = key
    field: dict[str, Any] = {"name": "c", "type": FIELD_TYPES.get(name, "string")}
    schema: dict[str, Any] = {"primaryKey": ["xid"], "fields": [{"name": "xid"}, field]}
    whole: dict[str, Any] = {"name": "people", "path": "people.csv", "schema": schema}
    target, content = {
        "dialect": (whole, {"dialect": {name: value}}),
        "schema": (schema, {name: value}),
        "foreign key": (schema, {"foreignKeys": [{**KEY, name: value}]}),
        "reference": (schema, {"foreignKeys": [{**KEY, "reference": {**REFERENCE, name: value}}]}),
        "field": (field, {name: value}),
        "constraint": (field, {"constraints": {name: value}}),
        "type": (field, {"type": name}),
        "format": (field, {"format": name}),
    }.get(owner, (whole, {name: value}))
    target |= content
    if key == ("field", "name"):
        schema["fields"] = [{"name": "xid"}, {"name": value}]
    return whole


def faults(described: dict[str, Any]) -> list[str]:
    field_map, found = parse_field_map(described)
    if field_map is not None:
        found = list(validate_field_map(field_map))
    return [fault.message for fault in found]


def written_again(described: dict[str, Any]) -> dict[str, Any]:
    """Return a document as read, and written down again; the dialect in the standard's spelling."""
    again = descriptor(FieldMap.model_validate(described))
    del again["alumniq"]  # the job's name, which is always set
    if "csv" in again.get("dialect", {}) and "csv" not in described["dialect"]:
        again["dialect"] |= again["dialect"].pop("csv")
    return again


def probe(key: Key) -> Any:
    return PROBES.get(key, "x")


@pytest.mark.parametrize(
    "key", [(owner, name) for owner, names in STANDARD.items() for name in names.split()]
)
def test_every_property_of_the_standard_is_in_the_table(key: Key) -> None:
    assert TABLE[key] in {"honoured", "without effect", "refused"}


def test_every_property_that_frictionless_adds_is_in_the_table() -> None:
    profiles = {
        "resource": Resource.metadata_profile,
        "dialect": Dialect.metadata_profile,
        "schema": Schema.metadata_profile,
    }
    known = {(owner, name) for owner, found in profiles.items() for name in found["properties"]}
    known |= {("dialect", name) for name in CsvControl.metadata_profile_patch["properties"]}
    known |= {("field", name) for name in Field.metadata_profile["properties"]}
    constraints = Field.metadata_profile["properties"]["constraints"]["properties"]
    known |= {("constraint", name) for name in constraints}
    for kind in (found for found in vars(fields).values() if isinstance(found, type)):
        own: Any = kind
        known |= {("field", name) for name in own.metadata_profile_patch.get("properties", {})}
        known.add(("type", own.type))
    package = set(Package.metadata_profile["properties"])
    assert known - TABLE.keys() == set()
    assert package - {name for owner, name in TABLE if owner in {"resource", "package"}} == set()


@pytest.mark.parametrize("key", [key for key in TABLE if TABLE[key] != "refused"])
def test_what_is_not_refused_is_read_and_kept(key: Key) -> None:
    described = document(key, probe(key))
    assert faults(described) == []
    assert written_again(described) == described


@pytest.mark.parametrize("key", [key for key in TABLE if TABLE[key] == "refused"])
def test_what_is_refused_is_named_with_the_reason_and_what_to_do(key: Key) -> None:
    owner, name = key
    [message] = faults(document(key, probe(key)))
    named = {
        "type": f"`type: {name}`",
        "format": f"`type: {FIELD_TYPES.get(name)}`" if name in OF_TYPES else "`format`",
    }
    assert message.startswith(named.get(owner, f"`{name}`"))
    assert "unknown key" not in message
    assert re.search("[;:]|must be", message)


@pytest.mark.parametrize(("key", "value"), OTHER_VALUES)
def test_a_legal_value_that_is_not_supported_is_refused_by_the_name_of_its_property(
    key: Key, value: Any
) -> None:
    assert TABLE[key] != "refused"
    [message] = faults(document(key, value))
    assert f"{key[1]}`" in message or f"unknown {key[1]} `" in message


def test_every_reason_is_of_a_property_in_the_table() -> None:
    owners: dict[Path, tuple[str, ...]] = {
        (): ("resource", "package"),
        ("dialect",): ("dialect",),
        ("dialect", "csv"): ("dialect",),
        ("schema",): ("schema",),
        ("schema", "fields"): ("field",),
        ("schema", "fields", "constraints"): ("constraint",),
    }
    for path, reasons in REFUSED_PROPERTIES.items():
        for name in reasons:
            assert "refused" in {TABLE.get((owner, name)) for owner in owners[path]}, name


def test_missing_values_may_have_labels() -> None:
    described = document(
        ("schema", "missingValues"), [{"value": "", "label": "blank"}, {"value": "-"}]
    )
    assert FieldMap.model_validate(described).table_schema.missing_values == ("", "-")
    [message] = faults(document(("schema", "missingValues"), [{"value": "", "lable": "x"}]))
    assert "missingValues" in message


def test_the_dialect_is_read_flat_nested_and_in_part_of_either() -> None:
    for dialect in (
        {"header": True, "delimiter": ";", "quoteChar": "'"},
        {"header": True, "csv": {"delimiter": ";", "quoteChar": "'"}},
        {"header": True, "delimiter": ";", "csv": {"quoteChar": "'"}},
    ):
        [read] = [FieldMap.model_validate(document(("resource", "dialect"), dialect)).dialect]
        assert (read.csv.delimiter, read.csv.quote_char, read.header) == (";", "'", True)
    twice = document(("resource", "dialect"), {"delimiter": ";", "csv": {"delimiter": ";"}})
    assert faults(twice) == [
        "`dialect` has `delimiter` twice, in itself and under `csv`; leave one of them out"
    ]


def test_an_encoding_is_known_in_capitals() -> None:
    for name in ("UTF-8", "utf8", "Utf-8"):
        assert faults(document(("resource", "encoding"), name)) == []


def test_what_the_null_sequence_is_must_be_a_missing_value() -> None:
    described = document(("dialect", "nullSequence"), "\\N")
    described["schema"]["missingValues"] = ["", "\\N"]
    assert faults(described) == []


def test_a_field_that_is_unique_may_be_a_unique_key() -> None:
    described = document(("schema", "uniqueKeys"), [["c"], "xid"])
    described["schema"]["fields"][1]["constraints"] = {"unique": True}
    assert faults(described) == []


@pytest.mark.parametrize("key", [key for key in TABLE if TABLE[key] != "refused"])
def test_a_held_load_keeps_its_field_map_with_every_property(key: Key) -> None:
    """It is stored with all defaults, and read again when somebody approves the load."""
    field_map = FieldMap.model_validate(document(key, probe(key)))
    stored = json.loads(json.dumps(field_map.model_dump(mode="json", by_alias=True)))
    assert FieldMap.model_validate(stored) == field_map


@pytest.mark.parametrize(
    ("described", "named"),
    [
        (("schema", "uniqueKeys", [["xdi"]]), "`uniqueKeys` names the unknown field `xdi`"),
        (("dialect", "delimitr", ";"), "unknown key `delimitr`; did you mean `delimiter`?"),
        (("field", "type", ["any"]), "`type` must be"),
        (("dialect", "csv", "dialect.json"), "`csv` must be a mapping"),
    ],
)
def test_what_is_not_legal_is_reported_as_such(described: tuple[str, str, Any], named: str) -> None:
    owner, name, value = described
    [message] = faults(document((owner, name), value))
    assert message.startswith(named)


def test_a_refused_property_is_named_in_either_spelling_of_the_dialect() -> None:
    for dialect in (
        {"escapeChar": "|"},
        {"csv": {"escapeChar": "|"}},
        {"escapeChar": "|", "csv": {}},
    ):
        [message] = faults(document(("resource", "dialect"), dialect))
        assert message.startswith("`escapeChar` is not supported")
