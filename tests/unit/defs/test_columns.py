"""The columns of a feed as Dagster shows them."""

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.defs.columns import column_schema


def test_rules_and_further_names_of_a_column_are_listed_with_it() -> None:
    email = {
        "name": "email",
        "constraints": {"required": True, "maxLength": 80},
        "alumniq": {"aliases": ["Home Mail", "mail"]},
    }
    schema = {"fields": [{"name": "xid"}, email]}
    field_map = FieldMap.model_validate({"name": "people", "path": "p.csv", "schema": schema})
    xid, shown = column_schema(field_map).columns
    assert list(xid.constraints.other) == []
    assert list(shown.constraints.other) == ["maxLength: 80", "alias: Home Mail", "alias: mail"]
