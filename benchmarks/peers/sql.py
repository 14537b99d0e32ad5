"""SQL by hand: stage the file as text in DuckDB, select the faults, publish the other rows.

python -m benchmarks.peers.sql FILE FOLDER
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from benchmarks.peers.findings import DATABASE, REJECTED, UNREADABLE, Findings, run_peer
from benchmarks.peers.rules import ColumnRules, read_rules

TYPES = {"string": "varchar", "integer": "bigint"}


def load(file: Path, folder: Path) -> Findings:
    """Load a file into a folder."""
    rules = read_rules()
    with duckdb.connect(str(folder / DATABASE)) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            f"create temp table staged as from {_reader(rules)}", {"file": str(file)}
        )
        connection.execute(_faults(rules))
        values = ", ".join(_value(column) for column in rules)
        connection.execute(
            f"create table warehouse as select {values} from staged "
            "where rowid not in (select row from faults)"
        )
        connection.execute(
            f"copy (select array_to_string(reasons, '; ') as reasons, staged.* "
            f"from staged join faults on staged.rowid = faults.row) to '{folder / REJECTED}'"
        )
        connection.execute(
            "copy (select line, error_message, csv_line from reject_errors) "
            f"to '{folder / UNREADABLE}'"
        )
        return _findings(connection)


def _reader(rules: Sequence[ColumnRules]) -> str:
    columns = ", ".join(f"'{column.name}': 'varchar'" for column in rules)
    return (
        "read_csv($file, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', "
        f"auto_detect = false, strict_mode = true, store_rejects = true, columns = {{{columns}}})"
    )


def _faults(rules: Sequence[ColumnRules]) -> str:
    """Return the statement that lists the rows with a fault, each with its reasons."""
    conditions = dict(condition for column in rules for condition in _conditions(column))
    reasons = ", ".join(
        f"case when {condition} then '{reason}' end" for reason, condition in conditions.items()
    )
    joins = " ".join(
        f"left join (select {_quoted(column)} as value, min(rowid) as first_row from staged "
        f"where value is not null group by value having count(*) > 1) as {_repeated(column)} "
        f"on staged.{_quoted(column)} = {_repeated(column)}.value"
        for column in rules
        if column.duplicate
    )
    return (
        "create temp table faults as select staged.rowid as row, "
        f"list_filter([{reasons}], lambda reason: reason is not null) as reasons "
        f"from staged {joins} where {' or '.join(conditions.values())}"
    )


def _conditions(column: ColumnRules) -> Iterator[tuple[str, str]]:
    """Yield the reason and the condition of each fault of a column."""
    text = f"staged.{_quoted(column)}"
    if column.required:
        yield f"{column.name}: required", f"{text} is null"
    if column.duplicate:
        condition = f"staged.rowid > {_repeated(column)}.first_row"
        yield f"{column.name}: {column.duplicate}", condition
    for code, pattern in column.patterns.items():
        yield f"{column.name}: {code}", f"not regexp_full_match({text}, {_literal(pattern)})"
    if column.enum is not None:
        allowed = ", ".join(_literal(value) for value in column.enum)
        yield f"{column.name}: enum", f"{text} not in ({allowed})"
    bounds = [("<", column.min_length), (">", column.max_length)]
    lengths = [f"length({text}) {sign} {bound}" for sign, bound in bounds if bound is not None]
    if lengths:
        yield f"{column.name}: length", f"({' or '.join(lengths)})"


def _value(column: ColumnRules) -> str:
    name = _quoted(column)
    value = name if column.type == "string" else f"try_cast({name} as {TYPES[column.type]})"
    if column.default is not None:
        value = f"coalesce({value}, {_literal(str(column.default))})"
    return f"{value} as {name}"


def _quoted(column: ColumnRules) -> str:
    return f'"{column.name}"'


def _repeated(column: ColumnRules) -> str:
    return f'"repeated {column.name}"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _findings(connection: duckdb.DuckDBPyConnection) -> Findings:
    faults = connection.execute(
        "select regexp_extract(reason, '[a-z-]+$') as code, count(*) "
        "from (select unnest(reasons) as reason from faults) group by code"
    ).fetchall()
    counts = "select (select count(*) from warehouse), (select count(*) from faults), "
    [(accepted, rejected, ragged)] = connection.execute(
        f"{counts} (select count(distinct line) from reject_errors)"
    ).fetchall()
    return Findings.of(accepted, rejected, dict(faults), ragged)


if __name__ == "__main__":
    run_peer(load)
