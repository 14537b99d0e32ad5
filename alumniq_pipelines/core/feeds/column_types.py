"""The types that a column can have, and all that is plain data about each of them.

Add a type here first: a member of `ColumnType` and its `TypeSpec`. What is no data, such as how a
text is parsed, is one `match` per question elsewhere, and mypy names each of them once the member
exists; docs/extending.md has the list. Keep columns and files out: they know their types, not the
other way round.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class ColumnType(StrEnum):
    """The types by their names in a field map, which are those of Table Schema."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    YEAR = "year"


TemporalType = Literal[ColumnType.DATE, ColumnType.DATETIME, ColumnType.TIME]
"""The types whose texts may have a `format`."""


class Comparison(StrEnum):
    """How values of two types can be compared: both types must allow it."""

    BY_TEXT = "text"
    BY_NUMBER = "number"
    BY_DATE = "date"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeSpec:
    """What is known of one type.

    `clause` and `advice` are for senders: what a wrong text is not, and how to write it instead.
    The advice may contain `{form}` (`default_form`, or the column's own format) and `{spellings}`.
    """

    duckdb: str
    """As DESCRIBE names it."""
    postgres: str
    """As format_type names it."""
    clause: str
    advice: str
    default_form: str = ""
    written_as: Literal["text", "number", "boolean"]
    """What its values are in YAML; texts must be in quotes there."""
    constraints: frozenset[str]
    """The constraints that apply to it, beside `required` and `unique`, which fit every type."""
    comparisons: frozenset[Comparison] = frozenset()
    """How its values are compared with those of other types."""
    required_directives: str = ""
    """What a `format` of its own must contain; empty where the type has no formats."""
    optional_directives: str = ""
    takes_any_text: bool = False

    @property
    def has_formats(self) -> bool:
        """Whether a field map may say how its texts are written."""
        return bool(self.required_directives)


BOUNDS = frozenset({"minimum", "maximum", "enum"})

TYPE_SPECS: Mapping[ColumnType, TypeSpec] = {
    ColumnType.STRING: TypeSpec(
        duckdb="VARCHAR",
        postgres="text",
        clause="is not text",
        advice="Write it as text",
        written_as="text",
        constraints=frozenset({"minLength", "maxLength", "pattern", "enum"}),
        comparisons=frozenset({Comparison.BY_TEXT}),
        takes_any_text=True,
    ),
    ColumnType.INTEGER: TypeSpec(
        duckdb="BIGINT",
        postgres="bigint",
        clause="is not a whole number",
        advice="Write it in at most 18 digits and nothing else",
        written_as="number",
        constraints=BOUNDS,
        comparisons=frozenset({Comparison.BY_TEXT, Comparison.BY_NUMBER}),
    ),
    ColumnType.NUMBER: TypeSpec(
        duckdb="DOUBLE",
        postgres="double precision",
        clause="is not a number",
        advice="Write it without currency signs or separators of thousands",
        written_as="number",
        constraints=BOUNDS,
        # Never by text: 5 and 5.0 are one number.
        comparisons=frozenset({Comparison.BY_NUMBER}),
    ),
    ColumnType.BOOLEAN: TypeSpec(
        duckdb="BOOLEAN",
        postgres="boolean",
        clause="is not a yes or no as the field map spells them",
        advice="Write one of {spellings}",
        written_as="boolean",
        constraints=frozenset({"enum"}),
    ),
    ColumnType.DATE: TypeSpec(
        duckdb="DATE",
        postgres="date",
        clause="is not a date",
        advice="Write it as {form}",
        default_form="YYYY-MM-DD",
        written_as="text",
        constraints=BOUNDS,
        comparisons=frozenset({Comparison.BY_DATE}),
        required_directives="Ymd",
    ),
    ColumnType.DATETIME: TypeSpec(
        # A point in time in UTC: neither engine is asked to know time zones.
        duckdb="TIMESTAMP",
        postgres="timestamp without time zone",
        clause="is not a date with a time",
        advice="Write it as {form}",
        default_form="YYYY-MM-DDThh:mm:ss",
        written_as="text",
        constraints=BOUNDS,
        comparisons=frozenset({Comparison.BY_DATE}),
        required_directives="Ymd",
        optional_directives="HMS",
    ),
    ColumnType.TIME: TypeSpec(
        # By the clock of the campus: it names no zone, and 24:00 is 00:00 of another day.
        duckdb="TIME",
        postgres="time without time zone",
        clause="is not a time of day",
        # A spreadsheet writes 9:05 and 9:05 AM.
        advice="Write times as {form}, on the 24-hour clock",
        default_form="14:05 or 14:05:30",
        written_as="text",
        constraints=BOUNDS,
        required_directives="HM",
        optional_directives="S",
    ),
    ColumnType.YEAR: TypeSpec(
        duckdb="INTEGER",
        postgres="integer",
        clause="is not a year",
        advice="Write it in four digits",
        written_as="number",
        constraints=BOUNDS,
        comparisons=frozenset({Comparison.BY_TEXT, Comparison.BY_NUMBER}),
    ),
}

DUCKDB_TEXT = TYPE_SPECS[ColumnType.STRING].duckdb
"""What DESCRIBE names a column of text, also one of the sender's own."""

SPECS_BY_DUCKDB_TYPE = {spec.duckdb: spec for spec in TYPE_SPECS.values()}
SPECS_BY_POSTGRES_TYPE = {spec.postgres: spec for spec in TYPE_SPECS.values()}
"""No two types are stored alike, so a stored column tells its type."""


def common_comparisons(one: TypeSpec, other: TypeSpec) -> frozenset[Comparison]:
    """Return how values of two types can be compared; not at all where it is empty."""
    return one.comparisons & other.comparisons
