"""The traces that a spreadsheet leaves when it takes a text for a number, a date or a formula."""

import re
from enum import StrEnum
from typing import assert_never

from alumniq_pipelines.core.feeds.column_types import ColumnType
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap


class Damage(StrEnum):
    """The ways in which a spreadsheet damages a text."""

    SCIENTIFIC = "scientific"
    DATE = "date"
    ERROR = "error"


MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
ERRORS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!")
TRACES = {
    Damage.SCIENTIFIC: r"[+-]?[0-9](\.[0-9]+)?E\+[0-9]{2,3}",
    Damage.DATE: f"[0-9]{{1,2}}-{MONTH}|{MONTH}-[0-9]{{2}}",
    Damage.ERROR: "|".join(re.escape(error) for error in ERRORS),
}
"""The pattern of a whole damaged text; Python and DuckDB read these patterns alike."""

CODE_NAME = re.compile(r"(id|code|number|key|zip)[0-9]?$", re.IGNORECASE)
"""How the name of a column of codes ends: `xid2`, `degreeCode`, `homePhoneNumber`."""


def damages_of(column: Column, field_map: FieldMap) -> tuple[Damage, ...]:
    """Return the damages that cannot be confused with a valid value of the column."""
    match column.type:
        case ColumnType.INTEGER:
            return Damage.SCIENTIFIC, Damage.ERROR
        case ColumnType.STRING:
            return (*screened_damages(column, field_map), Damage.ERROR)
        # A number may be in scientific notation, and what else a spreadsheet makes of these types
        # is no value of them: the advice of the broken rule says how to write one.
        case (
            ColumnType.NUMBER
            | ColumnType.BOOLEAN
            | ColumnType.DATE
            | ColumnType.DATETIME
            | ColumnType.TIME
            | ColumnType.YEAR
        ):
            return (Damage.ERROR,)
        case _:
            assert_never(column.type)


def screened_damages(column: Column, field_map: FieldMap) -> tuple[Damage, ...]:
    """Return the damages that break no rule, so that every row has to be screened for them.

    Error values are not among them: they may be in any text column, and are rare.
    """
    if column.type is not ColumnType.STRING:
        return ()
    # Only columns of codes: part of a key, restricted, or named like a code. Elsewhere, `3-May` may
    # be what a person wrote.
    schema, constraints = field_map.table_schema, column.constraints
    keys = {*schema.primary_key, *(name for key in schema.foreign_keys for name in key.fields)}
    is_bound = constraints.unique or constraints.pattern is not None or constraints.enum is not None
    is_code = column.name in keys or is_bound or CODE_NAME.search(column.name) is not None
    return (Damage.SCIENTIFIC, Damage.DATE) if is_code else ()
