"""Decide on the suspect cells: which rules of their columns they break.

DuckDB decides on nearly all of them (`sql_checks.broken_rules_sql`). The distinct texts that are
left are for pandera, which takes most of a second to import.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np

from alumniq_pipelines.checking.damaged_cells import explains
from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.checking.sql_checks import BITS, broken_rules_sql, damage_kind
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.structure.block import Positions
from alumniq_pipelines.checking.tally import Violation
from alumniq_pipelines.checking.text_damage import IN_INVALID_CELLS, Damage
from alumniq_pipelines.core.feeds.field_map import Column
from alumniq_pipelines.core.feeds.values import Value, loses_digits, parse_value
from alumniq_pipelines.core.sql_text import identifier, literal

ROWS_PER_BATCH = 1_000_000
TEXTS_PER_BATCH = 100_000

UNREADABLE = BITS[Rule.REQUIRED] | BITS[Rule.TYPE]
"""A cell that breaks one of these rules has no value that could be published."""


def find_broken_cells(staging: Staging) -> Iterator[tuple[Violation, Positions]]:
    """Yield the rows, by index, whose cells break a rule, by column and rule; store other values.

    Call `collect_suspects` of the staging first.
    """
    found = staging.run(
        "SELECT DISTINCT column_index FROM aside.suspects ORDER BY column_index"
    ).fetchall()
    for (index,) in found:
        column = _as_checked(staging.field_map.columns[index], staging)
        required = staging.field_map.is_required(column)
        staging.run(
            "CREATE OR REPLACE TABLE aside.cells AS SELECT row, broken, damage, "
            "CASE WHEN broken IS NULL THEN text END AS undecided FROM (SELECT row, text, "
            f"CAST({broken_rules_sql('text', column, required=required)} AS UTINYINT) AS broken, "
            f"{damage_kind('text', IN_INVALID_CELLS)} AS damage "
            f"FROM aside.suspects WHERE column_index = {index}) ORDER BY row"
        )
        if not column.spec.takes_any_text and staging.is_staged(column):
            # DuckDB casts more texts than we accept, such as 1.5 to the integer 2: no value is
            # left but those of cells that are certainly right.
            name = identifier(column.name)
            staging.run(
                f"UPDATE {staging.table} SET {name} = NULL FROM aside.cells AS cell "
                f"WHERE (broken IS NULL OR broken & {UNREADABLE} <> 0) "
                f"AND {staging.table}.rowid = cell.row AND {staging.table}.{name} IS NOT NULL"
            )
        _decide_by_pandera(staging, column, required=required)
        yield from _violations(staging, column)
    staging.run("DROP TABLE IF EXISTS aside.cells")


def _as_checked(column: Column, staging: Staging) -> Column:
    """Return a column with the rules of a key, if it is of the primary key.

    Whatever the severity of its column: a row without a key cannot be published.
    """
    if column.name not in staging.field_map.table_schema.primary_key:
        return column
    strict = column.alumniq.model_copy(update={"severity": "error"})
    filled = column.constraints.model_copy(update={"required": True})
    return column.model_copy(update={"alumniq": strict, "constraints": filled})


def _violations(staging: Staging, column: Column) -> Iterator[tuple[Violation, Positions]]:
    """Yield the rows that break each rule, by the damage that explains it; then those without."""
    found = staging.run(
        "SELECT broken, damage FROM aside.cells WHERE broken > 0 GROUP BY ALL ORDER BY min(row)"
    ).fetchall()
    for rule, bit in BITS.items():
        damages = dict.fromkeys(damage for broken, damage in found if broken & bit)
        explaining = [name for name in damages if name and explains(Damage(name), rule, column)]
        for name in explaining:
            for rows in _rows(staging, f"broken & {bit} <> 0 AND damage = {literal(name)}"):
                yield Violation(rule, column, damage=Damage(name)), rows
        if len(explaining) < len(damages):
            others = [f"damage <> {literal(name)}" for name in explaining]
            plain = f"(damage IS NULL OR {' AND '.join(others)})" if others else "true"
            for rows in _rows(staging, f"broken & {bit} <> 0 AND {plain}"):
                yield Violation(rule, column), rows


def _rows(staging: Staging, condition: str) -> Iterator[Positions]:
    """Yield the rows, in order, of the cells of the column that meet a condition."""
    for begin in range(0, staging.count("aside.cells"), ROWS_PER_BATCH):
        end = begin + ROWS_PER_BATCH - 1
        found = staging.run(
            f"SELECT row FROM aside.cells WHERE rowid BETWEEN {begin} AND {end} AND {condition} "
            "ORDER BY row"
        ).fetchnumpy()
        yield np.asarray(found["row"], np.int64)


def _decide_by_pandera(staging: Staging, column: Column, *, required: bool) -> None:
    """Let pandera decide on the cells that are left, each text once, and store their values."""
    if not staging.count("aside.cells WHERE broken IS NULL"):
        return
    staging.run(
        "CREATE OR REPLACE TABLE aside.decisions AS SELECT undecided AS text, "
        f"CAST(0 AS UTINYINT) AS broken, CAST(NULL AS {column.spec.duckdb}) AS value "
        "FROM (SELECT DISTINCT undecided FROM aside.cells WHERE broken IS NULL)"
    )
    for begin in range(0, staging.count("aside.decisions"), TEXTS_PER_BATCH):
        end = begin + TEXTS_PER_BATCH - 1
        batch = staging.run(
            f"SELECT rowid, text FROM aside.decisions WHERE rowid BETWEEN {begin} AND {end}"
        ).fetchall()
        broken, values = _decide([text for _row, text in batch], column, required=required)
        staging.run(
            "UPDATE aside.decisions SET broken = decided.broken, "
            f"value = CAST(decided.value AS {column.spec.duckdb}) "
            "FROM (SELECT unnest($rows) AS row, unnest($broken) AS broken, "
            "unnest($values) AS value) AS decided WHERE aside.decisions.rowid = decided.row",
            {"rows": [row for row, _text in batch], "broken": broken, "values": values},
        )
    if not column.spec.takes_any_text and staging.is_staged(column):
        staging.run(
            f"UPDATE {staging.table} SET {identifier(column.name)} = decision.value "
            "FROM aside.cells AS cell JOIN aside.decisions AS decision "
            "ON cell.undecided = decision.text "
            f"WHERE decision.value IS NOT NULL AND {staging.table}.rowid = cell.row"
        )
    staging.run(
        "UPDATE aside.cells SET broken = decision.broken FROM aside.decisions AS decision "
        "WHERE undecided = decision.text"
    )
    staging.run("DROP TABLE aside.decisions")


def _decide(
    texts: Sequence[str], column: Column, *, required: bool
) -> tuple[list[int], list[Value | str | None]]:
    """Return the rules that each text breaks, as a sum of BITS, and its value to be published."""
    import pandas as pd

    from alumniq_pipelines.checking.pandera_checks import check_cells
    from alumniq_pipelines.checking.pandera_schema import column_schema

    broken = np.zeros(len(texts), np.uint8)
    schema = column_schema(column, required=required)
    for rule, cells in check_cells(schema, pd.Series(texts, dtype=str)):
        broken[cells] |= BITS[rule]
    values: list[Value | str | None] = [None] * len(texts)
    if not column.spec.takes_any_text:
        for index in np.flatnonzero(broken & UNREADABLE == 0).tolist():
            value = parse_value(texts[index], column)
            # Decimals as text: DuckDB would have to find one type for those of different lengths.
            values[index] = f"{value:f}" if isinstance(value, Decimal) else value
            if loses_digits(texts[index], column):
                broken[index] |= BITS[Rule.PRECISION]
    return broken.tolist(), values
