"""Screening: the rules of a column as SQL over its text, and its text as a typed value.

A text that passes the screen is a valid value of its column, as `core.feeds.values` defines it. A
text that fails is only suspect. A screen may therefore be stricter than pandera, for the sake of
simplicity, but never laxer. Which rules a suspect text breaks is said in SQL where that is certain,
and by pandera where it is not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from alumniq_pipelines.checking.comparable_cells import without_zeros
from alumniq_pipelines.checking.rules import CELL_RULES, CellRule, Rule
from alumniq_pipelines.checking.text_damage import TRACES, Damage
from alumniq_pipelines.core.feeds.column_types import (
    DUCKDB_TEXT,
    MAX_DECIMAL_DIGITS,
    ColumnType,
    TemporalType,
)
from alumniq_pipelines.core.feeds.field_map import Column, Scalar
from alumniq_pipelines.core.feeds.reference_data import certain_match
from alumniq_pipelines.core.feeds.values import (
    CLOCK,
    DATE,
    DATETIME,
    INTEGER,
    NUMBER,
    OFFSET,
    TIME,
    VISIBLE,
    YEAR,
    date_pattern,
    format_value,
)
from alumniq_pipelines.core.sql_text import literal

MIN_TIMESTAMP = "TIMESTAMP '0001-01-01'"
MAX_TIMESTAMP = "TIMESTAMP '9999-12-31 23:59:59.999999'"
"""What Python's dates reach; DuckDB's reach further."""

ISO_CLOCK = CLOCK.replace("{1,9}", "{1,6}0{0,3}")
"""Times of day of which no digit but 0 is cut; pandera counts the others."""
ISO_DATETIME = f"{DATE.pattern}[T ]{ISO_CLOCK}(Z| UTC| ?({OFFSET}))?"
SAFE_DIGITS = 18
"""Any whole number of so many digits fits into 64 bits."""
KEPT_LENGTH = 15
"""A DOUBLE keeps all digits of a number of so many characters, unless its exponent is extreme."""
SHORT_NUMBER = "[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,2})?"

BITS: Mapping[Rule, int] = {
    rule: 1 << position
    for position, rule in enumerate((Rule.REQUIRED, *CELL_RULES, Rule.PRECISION))
}
"""The rules on a cell, in the order in which they are reported: a sum stands for several."""

FORMS: Mapping[ColumnType, str] = {
    ColumnType.INTEGER: INTEGER.pattern,
    ColumnType.NUMBER: NUMBER.pattern,
    ColumnType.DATE: DATE.pattern,
    ColumnType.DATETIME: DATETIME.pattern,
    ColumnType.TIME: TIME.pattern,
    ColumnType.YEAR: YEAR.pattern,
}
"""What every value of a type looks like, if its column has no format of its own."""

_HAS_E = "(contains({0}, 'E') OR contains({0}, 'e'))"
_IS_NOT_ASCII = "strlen({0}) > length({0})"
GUARDS: Mapping[Damage, str] = {
    Damage.SCIENTIFIC: _HAS_E,
    Damage.DATE: "strlen({0}) BETWEEN 5 AND 6",
    Damage.ERROR: "starts_with({0}, '#')",
    Damage.LOST_CHARACTERS: _IS_NOT_ASCII,
    Damage.DOUBLE_ENCODED: _IS_NOT_ASCII,
    Damage.DECIMAL: "contains({0}, '.')",
    Damage.FORMULA: "starts_with({0}, '=')",
    Damage.NULL_WORD: " OR ".join(
        f"starts_with({{0}}, {literal(first)})" for first in ("N", "n", "(", "<", "[", "\\")
    ),
    Damage.EMPTY_WORD: " OR ".join(f"starts_with({{0}}, {literal(first)})" for first in "NnUu"),
    Damage.EXPONENT: f"strlen({{0}}) <= 8 AND {_HAS_E}",
    Damage.APOSTROPHE: "starts_with({0}, '''')",
    Damage.PADDED: " OR ".join(
        f"{side}_with({{0}}, {literal(blank)})" for side in ("starts", "ends") for blank in " \t"
    ),
    Damage.INVISIBLE: _IS_NOT_ASCII,
    Damage.MARKED_NUMBER: "starts_with({0}, '''')",
    Damage.HIDDEN: _IS_NOT_ASCII,
}
"""Cheap tests that rule out nearly every text before the regular expression of a trace is tried."""


def value_sql(text: str, column: Column | None) -> str:
    """Return the SQL for the value of a text: NULL if it is invalid, the default if it is blank."""
    if column is None:  # a column of the sender's own is published as text
        return text
    value = _value(text, column)
    default = column.alumniq.default
    if default is None:
        return value
    filled = _value(literal(format_value(default, column)), column)
    # Not coalesce: an invalid text, whose value is NULL as well, must not get the default.
    return f"CASE WHEN {text} IS NULL THEN {filled} ELSE {value} END"


def suspect_condition(text: str, column: Column, *, required: bool) -> str | None:
    """Return the SQL condition that a text may break a rule; None if no text can."""
    conditions = [condition for _rule, condition in _conditions(text, column)]
    blank = _is_blank(text)
    if not conditions:
        return blank if required else None
    # Not NOT(...): a text that cannot be cast makes a condition NULL, and is as suspect as one that
    # makes it false.
    broken = f"({' AND '.join(conditions)}) IS NOT TRUE"
    return f"({blank} OR {broken})" if required else f"({text} IS NOT NULL AND {broken})"


def broken_rules_sql(text: str, column: Column, *, required: bool) -> str:
    """Return the SQL for the rules that a text breaks, a sum of BITS: NULL if pandera must decide.

    Where the text is a value of its type, it is that of `value_sql`.
    """
    obeyed: dict[CellRule, str] = {}
    for rule, condition in _conditions(text, column):
        obeyed[rule] = f"{obeyed[rule]} AND {condition}" if rule in obeyed else condition
    is_value = obeyed.pop(Rule.TYPE, "true")
    # A sum with NULL is NULL: if one rule is for pandera to decide, pandera decides on the text.
    broken = " + ".join(
        f"CASE WHEN {condition} THEN 0 WHEN {_is_decided(rule, column)} THEN {BITS[rule]} END"
        for rule, condition in obeyed.items()
    )
    blank = f"WHEN {_is_blank(text)} THEN {BITS[Rule.REQUIRED]} " if required else ""
    # Patterns and reference sets are for texts of any type.
    is_checked_as_text = bool(obeyed.keys() & {Rule.PATTERN, Rule.REFERENCE})
    no_value = "false" if is_checked_as_text else _is_certainly_no_value(text, column)
    return (
        f"CASE {blank}WHEN {text} IS NULL THEN 0 WHEN {no_value} THEN {BITS[Rule.TYPE]} "
        f"WHEN {is_value} THEN {broken or 0} END"
    )


def damage_condition(text: str, damages: Iterable[Damage]) -> str:
    """Return the SQL condition that a text shows one of these traces of a spreadsheet."""
    found = (
        f"(({GUARDS[damage].format(text)}) AND {_matches(text, TRACES[damage])})"
        for damage in damages
    )
    return f"({' OR '.join(found)})"


def damage_kind(text: str, damages: Iterable[Damage]) -> str:
    """Return the SQL for the first of some damages that a text shows, NULL if it shows none."""
    cases = " ".join(
        f"WHEN {damage_condition(text, [damage])} THEN {literal(damage)}" for damage in damages
    )
    return f"CASE {cases} END"


def _is_blank(text: str) -> str:
    """Return the SQL condition that a text is missing, or that nobody sees anything of it."""
    # By its first character, nearly every text is seen not to be such a one.
    return (
        f"{text} IS NULL OR ({text} < '!' AND {text} <> '' OR {text} > '~') "
        f"AND NOT regexp_matches({text}, {literal(VISIBLE.pattern)})"
    )


def _is_decided(rule: CellRule, column: Column) -> str:
    """Return whether a value that fails the screen by a rule certainly breaks it."""
    match rule:
        case Rule.LENGTH | Rule.PATTERN | Rule.RANGE:
            return "true"
        case Rule.ENUM:  # of other types, one value may be written in several ways
            return "true" if column.spec.takes_any_text else "false"
        case Rule.TYPE | Rule.REFERENCE:
            return "false"
        case _:
            assert_never(rule)


def _is_certainly_no_value(text: str, column: Column) -> str:
    """Return the SQL condition that a text has not even the form of its type."""
    if column.type is ColumnType.STRING:
        return "false"
    if column.type is ColumnType.BOOLEAN:
        return f"NOT {_is_boolean(text, column)}"
    if column.format != "default":
        return f"NOT {_matches(text, date_pattern(column.format))}"
    has_no_form = f"NOT {_matches(text, FORMS[column.type])}"
    # A date may also be in no calendar, such as 30 February or 0000-00-00.
    is_no_day = f" OR {_value(text, column)} IS NULL" if column.type is ColumnType.DATE else ""
    return has_no_form + is_no_day


def _value(text: str, column: Column) -> str:
    """Return the SQL that reads a text by its type and format: NULL if DuckDB cannot."""
    stored = column.spec.duckdb
    match column.type:
        case ColumnType.STRING:
            return text
        case ColumnType.BOOLEAN:
            true, false = _texts(column.true_values), _texts(column.false_values)
            return f"CASE WHEN {text} IN ({true}) THEN true WHEN {text} IN ({false}) THEN false END"
        case ColumnType.DATE | ColumnType.DATETIME | ColumnType.TIME if column.format != "default":
            # The outer cast may fail too: DuckDB reads `infinity` by any format, and there is no
            # such time of day.
            return f"try_cast(try_strptime({text}, {literal(column.format)}) AS {stored})"
        case ColumnType.DATETIME:
            # Through TIMESTAMPTZ: a cast to TIMESTAMP alone would drop the offset. The zone of the
            # session is UTC (`checking.staging`), so a text without an offset is in UTC.
            # Only longer texts can have a blank before an offset, which DuckDB does not read.
            joined = f"replace(replace({text}, ' +', '+'), ' -', '-')"
            longest = len("2024-01-31 10:30:00")
            read = f"CASE WHEN strlen({text}) > {longest} THEN {joined} ELSE {text} END"
            return f"CAST(try_cast({read} AS TIMESTAMPTZ) AS {stored})"
        case (
            ColumnType.INTEGER
            | ColumnType.NUMBER
            | ColumnType.DATE
            | ColumnType.TIME
            | ColumnType.YEAR
        ):
            return f"try_cast({text} AS {stored})"
        case _:
            assert_never(column.type)


def _texts(texts: Sequence[str]) -> str:
    return ", ".join(literal(text) for text in texts)


def _conditions(text: str, column: Column) -> Iterator[tuple[CellRule, str]]:
    """Yield the SQL conditions of a text that passes, by rule; what it breaks is NULL or false."""
    constraints = column.constraints
    for condition in _type_conditions(text, column):
        yield Rule.TYPE, condition
    yield from _bounds(text, column)
    if constraints.pattern is not None:
        # Field maps only allow patterns that Python and DuckDB read alike.
        yield Rule.PATTERN, _matches(text, constraints.pattern)
    if constraints.enum is not None:
        # By text, although values count: 1.0 is suspect where 1 is allowed, and pandera accepts it.
        allowed = _texts([format_value(value, column) for value in constraints.enum])
        yield Rule.ENUM, f"{text} IN ({allowed})"
    if column.alumniq.reference is not None:
        # Of some sets only texts that certainly belong are known here; libraries decide on others.
        certain = certain_match(column.alumniq.reference)
        yield Rule.REFERENCE, f"length({text}) <= {certain.max_length}"
        yield Rule.REFERENCE, _matches(text, certain.pattern)


def _bounds(text: str, column: Column) -> Iterator[tuple[CellRule, str]]:
    constraints = column.constraints
    if constraints.min_length is not None:
        yield Rule.LENGTH, f"length({text}) >= {constraints.min_length}"
    if constraints.max_length is not None:
        yield Rule.LENGTH, f"length({text}) <= {constraints.max_length}"
    if constraints.minimum is not None:
        yield Rule.RANGE, f"{_value(text, column)} >= {_bound(constraints.minimum, column)}"
    if constraints.maximum is not None:
        yield Rule.RANGE, f"{_value(text, column)} <= {_bound(constraints.maximum, column)}"


def _type_conditions(text: str, column: Column) -> Iterator[str]:
    match column.type:
        case ColumnType.STRING:
            return
        case ColumnType.INTEGER:
            # Longer texts may fit as well, such as those with leading zeros: pandera reads them.
            # Without the pattern, 1.5 would pass: DuckDB casts it to the integer 2.
            yield f"length({text}) <= {SAFE_DIGITS}"
            yield _matches(text, INTEGER.pattern)
        case ColumnType.NUMBER:
            yield from _number_conditions(text, column)
        case ColumnType.BOOLEAN:
            yield _is_boolean(text, column)
        case ColumnType.YEAR:
            yield _matches(text, YEAR.pattern)
        case ColumnType.DATE | ColumnType.DATETIME:
            yield _matches(text, _temporal_pattern(column.type, column.format))
            # Also refuses what has the form of a date and is none, such as 30 February: it is NULL.
            yield f"{_value(text, column)} BETWEEN {MIN_TIMESTAMP} AND {MAX_TIMESTAMP}"
        case ColumnType.TIME:
            yield _matches(text, _temporal_pattern(column.type, column.format))
            # By a format, 25:00 matches the pattern of digits and cannot be read.
            yield f"{_value(text, column)} IS NOT NULL"
        case _:
            assert_never(column.type)


def _is_boolean(text: str, column: Column) -> str:
    return f"({text} IN ({_texts((*column.true_values, *column.false_values))}))"


def _number_conditions(text: str, column: Column) -> Iterator[str]:
    decimals = column.alumniq.decimals
    if decimals is not None:
        # By the text: DuckDB would round a value with more decimals.
        digits = MAX_DECIMAL_DIGITS - decimals
        yield _matches(text, f"[+-]?[0-9]{{1,{digits}}}(\\.[0-9]{{0,{decimals}}}0{{0,18}})?")
        return
    # Of a number that keeps its digits, DuckDB writes the same text again, apart from zeros at its
    # end. CASE, since both sides of an OR would be evaluated for every row.
    value = _value(text, column)
    written = f"CAST({value} AS {DUCKDB_TEXT})"
    yield (
        f"CASE WHEN strlen({text}) <= {KEPT_LENGTH} THEN {_matches(text, SHORT_NUMBER)} "
        f"WHEN {written} = {text} THEN true "
        # 1e999 has the form of a number, and DuckDB casts it to infinity.
        f"ELSE {_matches(text, NUMBER.pattern)} AND isfinite({value}) "
        f"AND {without_zeros(text)} = {without_zeros(written)} END"
    )


def _temporal_pattern(kind: TemporalType, form: str) -> str:
    """Return the pattern that a text must match for DuckDB's reading of it to be trusted."""
    if form != "default":
        return date_pattern(form)
    match kind:
        case ColumnType.DATE:
            return DATE.pattern
        case ColumnType.DATETIME:
            return ISO_DATETIME
        case ColumnType.TIME:
            return ISO_CLOCK
        case _:
            assert_never(kind)


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {literal(pattern)})"


def _bound(bound: Scalar, column: Column) -> str:
    return _value(literal(format_value(bound, column)), column)
