import csv
import io

import pytest

from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.template import sample_rows, template
from alumniq_pipelines.core.feeds.values import broken_rules
from alumniq_pipelines.settings import REPOSITORY
from tests.strict_catalog import read_catalog

CATALOG = read_catalog(REPOSITORY / "schemas")


def test_every_value_is_quoted() -> None:
    lines = template(CATALOG.feed("warehouse"), CATALOG).splitlines()
    assert lines[0].startswith('"xid","xid2","prefix","firstName"')
    assert lines[1].startswith('"001234567","A00123456"')
    assert all(line.startswith('"') and line.endswith('"') for line in lines)


@pytest.mark.parametrize("feed", list(CATALOG.feeds))
def test_a_sample_row_breaks_no_rule_and_its_key_is_its_own(feed: str) -> None:
    field_map = CATALOG.feed(feed)
    rows = sample_rows(field_map, CATALOG)
    for column in field_map.columns:
        for text in (row.get(column.name, "") for row in rows):
            assert text or not field_map.is_required(column)
            assert not text or not list(broken_rules(text, column))
    keys = {tuple(row[name] for name in field_map.table_schema.primary_key) for row in rows}
    assert len(keys) == len(rows)


def test_the_code_lists_that_other_feeds_refer_to_are_all_there() -> None:
    rows = sample_rows(CATALOG.feed("warehouse-lookups"), CATALOG)
    wanted = {
        value
        for field_map in CATALOG
        for key in field_map.table_schema.foreign_keys
        for name, value in key.alumniq.where
        if name == "list"
    }
    assert {row["list"] for row in rows} == wanted


def test_a_feed_with_columns_of_the_senders_own_shows_one() -> None:
    assert template(CATALOG.feed("warehouse-b"), CATALOG).startswith('"xid","favorite_color__c"\n')


def test_delimiter_and_quote_are_those_of_the_field_map() -> None:
    field_map = FieldMap.model_validate(
        {
            "name": "a",
            "path": "a.txt",
            "dialect": {"delimiter": "|", "quoteChar": "'"},
            "schema": {
                "fields": [
                    {"name": "x", "example": "it's"},
                    {"name": "y", "type": "boolean", "example": True, "trueValues": ["Y"]},
                    {"name": "z"},
                ]
            },
        }
    )
    text = template(field_map, Catalog.of(field_map))
    assert text == "'x'|'y'|'z'\n'it''s'|'Y'|''\n"
    rows = csv.reader(io.StringIO(text), delimiter="|", quotechar="'", strict=True)
    assert list(rows)[1] == ["it's", "Y", ""]
