"""A field map written down again as a descriptor, and its language written as JSON Schema."""

import json
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from alumniq_pipelines.core.feeds.field_map import FieldMap


class _Language(GenerateJsonSchema):
    """JSON Schema without what says nothing: titles repeating the key, and null."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles that only repeat the key."""
        del schema
        return False

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        """Leave out null: a key without a value is left out."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        """Leave out the default null, for the same reason."""
        described = super().default_schema(schema)
        return {key: value for key, value in described.items() if (key, value) != ("default", None)}


def descriptor(field_map: FieldMap) -> dict[str, Any]:
    """Write a field map as the Data Resource it was read from."""
    return field_map.model_dump(mode="json", by_alias=True, exclude_unset=True)


def package(field_maps: Iterable[FieldMap]) -> dict[str, Any]:
    """Write field maps as one Data Package, in which foreign keys find what they refer to."""
    return {
        "name": "alumniq-feeds",
        "resources": [descriptor(field_map) for field_map in field_maps],
    }


def language_schema() -> str:
    """Write the JSON Schema of the language, as `schemas/field-map.schema.json` keeps it."""
    described = FieldMap.model_json_schema(schema_generator=_Language)
    described = {"$schema": GenerateJsonSchema.schema_dialect, **described}
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"
