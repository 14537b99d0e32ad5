"""The rules by which a row of the feed is rejected, by column, as the peers read them.

They come from the field map, so that the comparison stays true when the feed changes. Only a YAML
reader is needed here: the peers run without our packages, and none pays for importing them. A rule
that the peers do not check yet raises an error, since a comparison without it would not be true.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

FIELD_MAP = Path(__file__).resolve().parents[2] / "schemas" / "warehouse.yaml"
INTEGER = "[+-]?[0-9]{1,18}"
"""What our loads accept as a whole number."""

COMPARED = {"required", "unique", "minLength", "maxLength", "pattern", "enum"}
"""The constraints that the peers check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRules:
    """The rules of one column; `duplicate` is the code of a repeated value, None if it may be."""

    name: str
    type: Literal["string", "integer"]
    required: bool
    duplicate: Literal["duplicate-key", "duplicate-value"] | None
    min_length: int | None = None
    max_length: int | None = None
    patterns: Mapping[str, str]
    enum: Sequence[str] | None = None
    default: str | int | None = None


def read_rules(path: Path = FIELD_MAP) -> Sequence[ColumnRules]:
    """Return the rules of every column of a field map; raises ValueError for one not compared."""
    schema = yaml.safe_load(path.read_text("utf-8"))["schema"]
    key = schema.get("primaryKey", [])
    names = [key] if isinstance(key, str) else key
    if len(names) > 1 or schema.get("missingValues") != [""]:
        message = "The peers compare keys of one column, and blanks that are empty."
        raise ValueError(message)
    return [_column(field, is_key=field["name"] in names) for field in schema["fields"]]


def _column(field: Mapping[str, Any], *, is_key: bool) -> ColumnRules:
    own, constraints = field.get("alumniq", {}), field.get("constraints", {})
    rejects = own.get("severity", "error") == "error"
    is_compared = (
        field["type"] in {"string", "integer"}
        and set(constraints) <= COMPARED
        # Of a column that only warns, no rule rejects a row; the peers check none of it.
        and (rejects or (field["type"] == "string" and not constraints))
        and not (rejects and "reference" in own)
    )
    if not is_compared:
        message = f"The peers do not check all rules of the column {field['name']}."
        raise ValueError(message)
    # A text of the wrong type breaks the rule `type`, which all peers check as a pattern.
    patterns = {"type": INTEGER} if field["type"] == "integer" else {}
    if "pattern" in constraints:
        patterns["pattern"] = constraints["pattern"]
    enum = constraints.get("enum")
    return ColumnRules(
        name=field["name"],
        type=field["type"],
        required=is_key or constraints.get("required", False),
        duplicate=_duplicate_code(is_key=is_key, unique=constraints.get("unique", False)),
        min_length=constraints.get("minLength"),
        max_length=constraints.get("maxLength"),
        patterns=patterns,
        enum=None if enum is None else [str(value) for value in enum],
        default=own.get("default"),
    )


def _duplicate_code(
    *, is_key: bool, unique: bool
) -> Literal["duplicate-key", "duplicate-value"] | None:
    if is_key:
        return "duplicate-key"
    return "duplicate-value" if unique else None
