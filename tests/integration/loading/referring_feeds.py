"""Field maps of feeds that refer to one another."""

from collections.abc import Mapping, Sequence
from typing import Any

from alumniq_pipelines.core.feeds.field_map import FieldMap

Fields = Sequence[Mapping[str, Any]]


def field_map(
    name: str, key: Sequence[str], fields: Fields, *foreign: Mapping[str, Any]
) -> FieldMap:
    schema = {"primaryKey": key, "fields": fields, "foreignKeys": foreign}
    return FieldMap.model_validate({"name": name, "path": f"{name}.csv", "schema": schema})


def refers(fields: str | Sequence[str], feed: str, to: str | Sequence[str], **rules: object) -> Any:
    return {"fields": fields, "reference": {"resource": feed, "fields": to}, "alumniq": rules}


PEOPLE = field_map(
    "people", ["xid"], [{"name": "xid"}, {"name": "name"}, {"name": "since", "type": "year"}]
)
LISTS = field_map("lists", ["list", "code"], [{"name": "list"}, {"name": "code"}])


def degrees(*foreign: Mapping[str, Any]) -> FieldMap:
    fields = [{"name": "degree"}, {"name": "xid"}, {"name": "school"}, {"name": "list"}]
    return field_map("degrees", ["degree"], fields, *foreign)
