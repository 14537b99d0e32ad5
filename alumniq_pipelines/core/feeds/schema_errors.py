"""Structural errors: what pydantic finds in a document, in the words of the field-map language."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError

from alumniq_pipelines.core.feeds.dialect import CSV_PROPERTIES, Dialect
from alumniq_pipelines.core.feeds.did_you_mean import did_you_mean
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.field_map_error import Fault, Path, last_key
from alumniq_pipelines.core.feeds.frictionless_standard import REFUSED_TYPES, refusal
from alumniq_pipelines.core.feeds.validation import validate_field_map

Detail = Mapping[str, Any]
"""One error of pydantic: type, loc, input, perhaps ctx."""

EXPECTED_VALUES = {
    "string_type": "text; write it in quotes",
    "bool_type": "true or false, without quotes",
    "int_type": "a whole number, without quotes",
    "float_type": "a number, without quotes",
    "tuple_type": "a list",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "string_too_short": "at least {min_length} character long",
    "string_too_long": "at most {max_length} characters long",
    "too_short": "a list that is not empty",
    "string_pattern_mismatch": (
        "in lower-case letters, digits and hyphens after a first letter, such as warehouse-degrees"
    ),
}
"""What a value must be, by pydantic's type of error."""


def parse_field_map(document: dict[str, Any]) -> tuple[FieldMap | None, list[Fault]]:
    """Build a field map from a document, or return None with everything that is wrong.

    A second pass leaves out what pydantic refused, so that the rules between the parts are checked
    too. Their faults are reported only for fields that were valid in the first pass.
    """
    try:
        return FieldMap.model_validate(document), []
    except ValidationError as error:
        faults = list(_faults(error, document))
    pruned = _without(document, [fault.path for fault in faults])
    try:
        remainder = FieldMap.model_validate(pruned)
    except ValidationError:
        return None, faults
    faulty = {_part(fault.path) for fault in faults}
    return None, faults + [
        fault for fault in validate_field_map(remainder) if _part(fault.path) not in faulty
    ]


def _faults(error: ValidationError, document: object) -> Iterator[Fault]:
    """Return a fault for each error, once per path: a union raises one error per member."""
    reported: set[Path] = set()
    for detail in cast("list[Detail]", error.errors(include_url=False)):
        path = _existing_path(detail["loc"], document, missing=detail["type"] == "missing")
        deeper = any(other[: len(path)] == path for other in reported)
        if not deeper:
            reported.add(path)
            yield Fault(path, _message(detail, path))


def _existing_path(loc: Path, document: object, *, missing: bool) -> Path:
    """Cut a location down to what is in the document, plus the missing key if there is one."""
    path: list[str | int] = []
    value = document
    for step, following in zip_longest(loc, loc[1:]):
        match value, step:
            # The standard's flat spelling of the dialect has no such step, or only for a part.
            case dict(), "csv" if following in value and following not in value.get("csv", {}):
                continue
            case dict(), _ if step in value:
                value = value[step]
            case list(), int() if step < len(value):
                value = value[step]
            case _:
                break
        path.append(step)
    return (*path, loc[-1]) if missing else tuple(path)


def _message(detail: Detail, path: Path) -> str:
    key = last_key(path)
    match detail["type"]:
        case "missing":
            return f"the key `{key}` is missing"
        case "extra_forbidden" if (reason := refusal(path)) is not None:
            return f"`{key}` {reason}"
        case "extra_forbidden":
            known = _known_keys(path[:-1])
            otherwise = "known keys: " + ", ".join(known)
            return f"unknown key `{key}`; {did_you_mean(key, known, otherwise)}"
        case "enum" if key == "type" and (refused := str(detail["input"])) in REFUSED_TYPES:
            return f"`type: {refused}` {REFUSED_TYPES[refused]}"
        case "literal_error" | "enum" if isinstance(given := detail["input"], str):
            known = detail["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            choices = " or ".join(", ".join(known).rsplit(", ", 1))
            return f"unknown {key} `{given}`; {did_you_mean(given, known, f'use {choices}')}"
    prefix = "each of " if path and isinstance(path[-1], int) else ""
    return f"{prefix}`{key}` {_wanted(detail)}"


def _wanted(detail: Detail) -> str:
    """Return what a value must be, as a clause that follows its key."""
    if detail["loc"][-1] in {"str", "int", "float", "bool"}:  # the members of a union
        return "must be a single text, number, true or false"
    context = detail.get("ctx", {})
    match detail["type"]:
        case "literal_error" | "enum":
            return f"must be {context['expected'].lower()}"
        case "value_error":
            return str(context["error"])
        case kind if kind in EXPECTED_VALUES:
            return f"must be {EXPECTED_VALUES[kind].format(**context)}"
    return f"cannot be used: {detail['msg']}"


def _known_keys(path: Path) -> list[str]:
    """List the keys of the part of the language at `path`."""
    model: type[BaseModel] = FieldMap
    for step in path:
        if isinstance(step, str):
            field = next(f for n, f in model.model_fields.items() if (f.alias or n) == step)
            model = next(_models(field.annotation))
    known = [field.alias or name for name, field in model.model_fields.items()]
    return [*known, *sorted(CSV_PROPERTIES)] if model is Dialect else known


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _without(value: Any, paths: list[Path]) -> Any:
    """Copy a document without the values at `paths`; a field that loses its name is left out."""
    here = {path[0] for path in paths if len(path) == 1}
    if isinstance(value, dict):
        return {
            key: _without(item, [path[1:] for path in paths if path[0] == key and path[1:]])
            for key, item in value.items()
            if key not in here
        }
    if isinstance(value, list):
        return [
            _without(item, [path[1:] for path in paths if path[0] == index and path[1:]])
            for index, item in enumerate(value)
            if index not in here and (index, "name") not in paths
        ]
    return value


def _part(path: Path) -> Path:
    """The field, or the top-level key, that a path leads into."""
    return path[:3] if path[:2] == ("schema", "fields") else path[:2]
