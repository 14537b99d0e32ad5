"""The base of every part of a field map."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class FieldMapModel(BaseModel):
    """A part of a field map: frozen, camel case in YAML, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )
