"""The types that a column can have, and all that is plain data about each of them.

Add a type here first: a member of `ColumnType` and its `TypeSpec`. What is no data, such as how a
text is parsed, is one `match` per question elsewhere, and mypy names each of them once the member
exists; docs/extending.md has the list. Keep columns and files out: they know their types, not the
other way round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    precision_clause: str = ""
    """What is wrong with a value that is published with fewer digits than were sent, or as 0."""
    precision_advice: str = ""

    @property
    def has_formats(self) -> bool:
        """Whether a field map may say how its texts are written."""
        return bool(self.required_directives)


BEYOND_MICROSECONDS = "has digits beyond the microsecond, which are not published"
WHERE_ALL_DIGITS_ARE_KEPT = "If you need these digits, ask us to publish this column as text."
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
        # Whatever is refused is true to this: all whole numbers of 18 digits fit into 64 bits.
        clause="is not a whole number of at most 18 digits",
        advice="Write it in digits and nothing else",
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
        precision_clause=(
            "has more digits than its published number keeps, or is too close to 0 for it"
        ),
        precision_advice=(
            "Send at most 15 digits, and a number closer to 0 than 1e-300 as 0, or ask us to "
            "publish this column with a fixed number of decimals: it then keeps 38 digits."
        ),
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
        precision_clause=BEYOND_MICROSECONDS,
        precision_advice=WHERE_ALL_DIGITS_ARE_KEPT,
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
        precision_clause=BEYOND_MICROSECONDS,
        precision_advice=WHERE_ALL_DIGITS_ARE_KEPT,
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

MAX_DECIMALS = 18
MAX_DECIMAL_DIGITS = 38
"""The most that DuckDB and Arrow store in a DECIMAL."""


def _decimal_spec(decimals: int) -> TypeSpec:
    """Return what is known of numbers that are published exactly, with so many decimals."""
    digits = MAX_DECIMAL_DIGITS - decimals
    clause, limit = f"is not a whole number of at most {digits} digits", f"{digits} digits"
    if decimals:
        places = "1 decimal" if decimals == 1 else f"{decimals} decimals"
        clause = f"is not a number of at most {digits} digits and {places}"
        limit = f"{digits} digits before the decimal point and {decimals} after it"
    return replace(
        TYPE_SPECS[ColumnType.NUMBER],
        duckdb=f"DECIMAL({MAX_DECIMAL_DIGITS},{decimals})",
        postgres=f"numeric({MAX_DECIMAL_DIGITS},{decimals})",
        clause=clause,
        advice=f"Write at most {limit}, without currency signs or separators of thousands",
    )


DECIMAL_SPECS: Sequence[TypeSpec] = [_decimal_spec(count) for count in range(MAX_DECIMALS + 1)]
"""Numbers with a fixed number of decimals, by that number."""

DUCKDB_TEXT = TYPE_SPECS[ColumnType.STRING].duckdb
"""What DESCRIBE names a column of text, also one of the sender's own."""

STORED_SPECS = (*TYPE_SPECS.values(), *DECIMAL_SPECS)
SPECS_BY_DUCKDB_TYPE = {spec.duckdb: spec for spec in STORED_SPECS}
SPECS_BY_POSTGRES_TYPE = {spec.postgres: spec for spec in STORED_SPECS}
"""No two types are stored alike, so a stored column tells its type."""


def common_comparisons(one: TypeSpec, other: TypeSpec) -> frozenset[Comparison]:
    """Return how values of two types can be compared; not at all where it is empty."""
    return one.comparisons & other.comparisons
