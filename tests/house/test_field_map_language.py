"""The field-map language is documented in full, and the seven feeds are well described in it."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.column_types import TYPE_SPECS, ColumnType
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.settings import REPOSITORY
from tests.strict_catalog import read_catalog

SCHEMAS = REPOSITORY / "schemas"
README = (SCHEMAS / "README.md").read_text(encoding="utf-8")
LANGUAGE = json.loads((SCHEMAS / "field-map.schema.json").read_text(encoding="utf-8"))
FILES = sorted(SCHEMAS.glob("*.yaml"))
CATALOG = read_catalog(SCHEMAS)

PUBLISHED = {
    "warehouse": """
        xid xid2 prefix firstName middleName lastName maidenName badgeNameOverride
        badgeLastNameOverride badgeAnnotation address1 address2 city state postalCode nation
        emailAddress homePhoneNumber mobilePhoneNumber prefclassyear prefschool prefdegree
        prefdegreetype isAlumnus isGradAlumnus isFamilyOfStudent isFaculty isStaff isStudent
        isGradStudent prospectManager prospectManagerEmail isMember memberType""",
    "volunteer-prospect": """
        xid xid2 displayname firstname lastname nickname maidenname prefclassyear prefschool majors
        prospecttypes gender pronouns street1 street2 street3 city state zip foreigncityzip nation
        emailaddress preferredphonenumber""",
}
"""Columns that customers know from the vendor's public pages: not ours to rename."""

ONLY_FOR_THE_STANDARD = {
    *("$schema", "profile", "homepage", "sources", "licenses", "version", "email"),
    *("csvddfVersion", "headerRows", "headerJoin", "headerCase", "caseSensitiveHeader"),
    *("commentRows", "skipBlankRows", "lineTerminator", "nullSequence", "skipInitialSpace"),
    *("uniqueKeys", "decimalChar", "bareNumber", "rdfType"),
}
"""Keys with one possible value or no effect: an example of them would teach nothing."""


def every_key() -> set[str]:
    parts = [LANGUAGE, *LANGUAGE["$defs"].values()]
    return {key for part in parts for key in part["properties"]}


def test_every_key_of_the_language_is_documented_and_shown_in_the_example() -> None:
    tables, example = README.split("## The feed")[1], README.split("```")[1]
    for key in every_key() - {"csv"}:
        documented = re.search(rf"`[^`\n]*(?<!\w){re.escape(key)}\b[^`\n]*`", tables)
        assert documented, f"{key} is not documented"
        is_shown = re.search(rf"(?<!\w){re.escape(key)}:", example) is not None
        assert is_shown or key in ONLY_FOR_THE_STANDARD, f"{key} is not in the example"


def test_every_type_is_documented_with_what_it_accepts_and_how_it_is_published() -> None:
    rows = README.split("### What a type accepts")[1].split("###")[0].splitlines()
    documented = {row.split("|")[1].strip(" `"): row.split("|")[3] for row in rows if "`" in row}
    assert documented.keys() == set(ColumnType)
    for column_type, published_as in documented.items():
        assert TYPE_SPECS[ColumnType(column_type)].duckdb in published_as
    (choices,) = (row for row in README.splitlines() if row.startswith("| `type` | `string`"))
    assert all(f"`{column_type}`" in choices for column_type in ColumnType)


def test_the_example_of_the_documentation_is_a_field_map(tmp_path: Path) -> None:
    path = tmp_path / "parking-permits.yaml"
    path.write_text(README.split("```")[1].removeprefix("yaml\n"), encoding="utf-8")
    example = read_field_map(path)
    assert Catalog.of(*CATALOG, example).feed("parking-permits") == example


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_editors_find_nothing_to_complain_about(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "# yaml-language-server: $schema=field-map.schema.json"
    jsonschema.Draft202012Validator(LANGUAGE).validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "wrong",
    [{"name": "A"}, {"titel": "x"}, {"title": None}, {"alumniq": {"wave": 0}}, {"type": "tabel"}],
)
def test_editors_complain_about_what_is_wrong(wrong: dict[str, Any]) -> None:
    good = yaml.safe_load(FILES[0].read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(LANGUAGE).validate({**good, **wrong})


@pytest.mark.parametrize("field_map", list(CATALOG), ids=lambda field_map: field_map.name)
def test_every_column_is_described_and_shown(field_map: FieldMap) -> None:
    assert field_map.title
    assert field_map.description.endswith(".")
    for column in field_map.columns:
        assert column.title, column.name
        assert column.description.endswith("."), column.name
        assert column.example is not None, column.name


@pytest.mark.parametrize("feed", list(PUBLISHED))
def test_published_columns_keep_their_names_and_order(feed: str) -> None:
    names = [column.name for column in CATALOG.feed(feed).columns]
    assert names == PUBLISHED[feed].split()


def test_the_core_feed_is_text_but_for_the_membership_flag() -> None:
    warehouse = CATALOG.feed("warehouse")
    assert [column.name for column in warehouse.columns if column.type != "string"] == ["isMember"]
    member = warehouse.column("isMember")
    assert member is not None
    assert (member.type, member.alumniq.default) == ("integer", 0)


def test_every_feed_is_keyed_and_the_keys_that_people_share_are_text() -> None:
    for field_map in CATALOG:
        assert field_map.table_schema.primary_key
        xid = field_map.column("xid")
        assert xid is None or xid.type == "string"
