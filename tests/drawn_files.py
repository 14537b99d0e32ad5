"""Field maps of all types and constraints, and files for them that are valid except in parts."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from alumniq_pipelines.core.feeds.field_map import FieldMap
from tests.frictionless_faults import Delivered
from tests.odd_texts import BOOLEANS, DATES, DATETIMES, NUMBERS, ODD_TEXTS, STRINGS, TIMES, YEARS

Field = Mapping[str, Any]

NAMES = ("one", "two", "three", "four")
COLUMN_TYPES: Sequence[tuple[Field, Sequence[str]]] = (
    ({"type": "string"}, ["a", "b", "007"]),
    ({"type": "string", "constraints": {"minLength": 2}}, ["ab", "é\u0301", "xyz"]),
    ({"type": "string", "constraints": {"maxLength": 3}}, ["a", "é\u0301x", "xyz"]),
    ({"type": "string", "constraints": {"pattern": "(?:[A-Z]{2}|x.z)"}}, ["AB", "xyz"]),
    ({"type": "string", "constraints": {"enum": ["USA", "it's", 'a"b', "é"]}}, ["USA", "it's"]),
    ({"type": "integer"}, ["1", "01", "2", "-3"]),
    ({"type": "integer", "constraints": {"minimum": -5, "maximum": 70_000}}, ["1", "70000"]),
    ({"type": "integer", "constraints": {"enum": [1, 2]}}, ["1", "2"]),
    ({"type": "number"}, ["1", "1.0", "0.5", "5e-1"]),
    ({"type": "number", "constraints": {"minimum": 0.1, "maximum": 1e300}}, ["0.1", "25.00"]),
    ({"type": "number", "constraints": {"enum": [1, 0.5]}}, ["1.0", ".5"]),
    ({"type": "boolean"}, ["true", "1", "FALSE"]),
    ({"type": "boolean", "trueValues": ["Y", "yes"], "falseValues": ["N"]}, ["Y", "yes", "N"]),
    ({"type": "boolean", "constraints": {"enum": [True]}}, ["true"]),
    ({"type": "date"}, ["2024-02-29", "1970-01-31"]),
    ({"type": "date", "constraints": {"minimum": "2000-01-01"}}, ["2024-02-29", "2000-01-01"]),
    ({"type": "date", "format": "%d/%m/%Y"}, ["29/02/2024", "31/12/1999"]),
    ({"type": "date", "format": "%Y%m%d", "constraints": {"maximum": "20240229"}}, ["20240229"]),
    ({"type": "datetime"}, ["2024-02-29T10:00:00", "2024-02-29T12:00:00+02:00"]),
    (
        {"type": "datetime", "constraints": {"minimum": "2020-01-01T00:00:00Z"}},
        ["2024-02-29T10:00:00", "2020-01-01T00:00:00Z"],
    ),
    ({"type": "datetime", "format": "%Y-%m-%d %H:%M"}, ["2024-02-29 10:00"]),
    ({"type": "datetime", "format": "%m/%d/%YT%H:%M:%S"}, ["02/29/2024T23:59:59"]),
    ({"type": "time"}, ["14:05", "14:05:00", "14:05:30.5"]),
    (
        {"type": "time", "constraints": {"minimum": "08:00:00", "maximum": "18:00:00"}},
        ["08:00", "14:05:00", "18:00:00"],
    ),
    ({"type": "time", "constraints": {"enum": ["00:00:00", "14:05:00"]}}, ["00:00", "14:05:00"]),
    ({"type": "time", "format": "%H%M"}, ["1405", "0000"]),
    ({"type": "time", "format": "%H:%M:%S"}, ["14:05:00", "23:59:59"]),
    ({"type": "year"}, ["2024", "1998"]),
    ({"type": "year", "constraints": {"minimum": 1900, "maximum": 2100}}, ["2024", "1900"]),
)
"""Columns of all types with all constraints, and values that satisfy them."""
ANYTHING: tuple[Field, Sequence[str]] = ({"type": "string"}, ["a"])

NEAR = {
    "string": STRINGS,
    "integer": NUMBERS,
    "number": NUMBERS,
    "boolean": BOOLEANS,
    "date": DATES,
    "datetime": DATETIMES,
    "time": TIMES,
    "year": YEARS,
}
"""Texts that are values of a type, or nearly."""

ODD = (
    st.sampled_from(ODD_TEXTS)
    | st.text("0123456789+-.eE:/ TZ_", max_size=20)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=6)
)


RULES = st.fixed_dictionaries(
    {}, optional={"required": st.just(value=True), "unique": st.just(value=True)}
)
"""Constraints that any column may have in addition."""


def field_map(fields: Sequence[Field], delimiter: str = ",", **schema: Any) -> FieldMap:
    described = {"fieldsMatch": "partial", "fields": fields, **schema}
    dialect = {"csv": {"delimiter": delimiter}}
    return FieldMap.model_validate(
        {"name": "t", "path": "t.csv", "dialect": dialect, "schema": described}
    )


@st.composite
def files(draw: st.DrawFn) -> Delivered:
    """Draw a field map, and a file for it that is valid except for some cells and rows."""
    column_types = draw(st.lists(st.sampled_from(COLUMN_TYPES), min_size=1, max_size=len(NAMES)))
    key = draw(st.lists(st.sampled_from(NAMES[: len(column_types)]), max_size=2, unique=True))
    fields = [
        {**kind, "name": name, "constraints": {**kind.get("constraints", {}), **draw(RULES)}}
        for name, (kind, _) in zip(NAMES, column_types, strict=False)
    ]
    known = field_map(
        fields,
        draw(st.sampled_from(",;|\t")),
        primaryKey=key,
        missingValues=draw(st.sampled_from([[""], ["", "N/A"], ["-"], []])),
    )
    needed = [column.name for column in known.columns if known.is_required(column)]
    optional = [column.name for column in known.columns if column.name not in needed]
    chosen = draw(st.lists(st.sampled_from(optional), unique=True)) if optional else []
    present = [*needed, *chosen] or optional
    names = draw(st.permutations([*present, *(["unknown"] if draw(st.booleans()) else [])]))
    cells = [cells_of(dict(zip(NAMES, column_types, strict=False)).get(name)) for name in names]
    row = st.tuples(*cells)
    odd_row = st.lists(st.sampled_from(["", "a", "1"]), max_size=len(NAMES) + 2).map(tuple)
    drawn = st.lists(st.one_of(row, row, row, row, odd_row), min_size=1, max_size=10).filter(any)
    return Delivered(known, tuple(names), tuple(draw(drawn)), draw(st.booleans()))


def every_text_in(index: int, rules: Mapping[str, bool]) -> Delivered:
    """Return a file with all valid values and all odd texts in one column of a type."""
    described = COLUMN_TYPES[index][0]
    constraints = {**described.get("constraints", {}), **rules}
    known = field_map([{**described, "name": "one", "constraints": constraints}, {"name": "two"}])
    texts = dict.fromkeys([*(text for _, values in COLUMN_TYPES for text in values), *ODD_TEXTS])
    rows = [(text, "x") for text in texts if fits_pattern(text, described)]
    return Delivered(known, ("one", "two"), tuple(rows))


def fits_pattern(text: str, described: Field) -> bool:
    """Whether a pattern means the same to both of a text; see "a line end behind a pattern"."""
    return "pattern" not in described.get("constraints", {}) or not text.endswith("\n")


def cells_of(kind: tuple[Field, Sequence[str]] | None) -> st.SearchStrategy[str]:
    """Draw texts for a column, most of them valid and many of them equal."""
    described, values = kind or ANYTHING
    good, near = st.sampled_from(values), st.sampled_from(NEAR[described["type"]])
    texts = st.one_of(good, good, good, near, st.sampled_from(["", "N/A", "-"]), ODD)
    return texts.filter(lambda text: fits_pattern(text, described))
