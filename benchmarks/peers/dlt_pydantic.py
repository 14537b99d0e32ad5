"""dlt, fed with batches of Arrow, whose rows pydantic validates.

python -m benchmarks.peers.dlt_pydantic FILE FOLDER

dlt's own contract with a pydantic model, `discard_row`, drops the rows that do not match without a
word on which and why, so the rows are validated before dlt gets them.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"  # it sends nothing about a benchmark

import dlt
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, StringConstraints, ValidationError, create_model

from benchmarks.peers.arrow_csv import read_batches, write_unreadable
from benchmarks.peers.findings import DATABASE, REJECTED, Findings, run_peer
from benchmarks.peers.rules import ColumnRules, read_rules

CODES = {
    "int_parsing": "type",
    "literal_error": "enum",
    "string_pattern_mismatch": "pattern",
    "string_too_long": "length",
    "string_too_short": "length",
}
"""pydantic's names of what is wrong with a text; a blank is only wrong where one is required."""


class Validator:
    """Tells accepted rows from rejected ones, and counts the faults of these."""

    def __init__(self, rules: Sequence[ColumnRules]) -> None:
        """Derive a model from the rules."""
        self.rules = rules
        fields: dict[str, Any] = {column.name: (_type(column), ...) for column in rules}
        self.model: type[BaseModel] = create_model("Warehouse", **fields)
        self.known: dict[str, set[str]] = {c.name: set() for c in rules if c.duplicate}
        self.faults: Counter[str] = Counter()

    def reasons(self, row: dict[str, Any]) -> str:
        """Return why a row is rejected; nothing if it is not."""
        found = []
        try:
            self.model.model_validate(row)
        except ValidationError as error:
            for fault in error.errors():
                code = "required" if fault["input"] is None else CODES[fault["type"]]
                found.append((str(fault["loc"][0]), code))
        for column in self.rules:
            if column.duplicate and row[column.name] is not None:
                known = self.known[column.name]
                if row[column.name] in known:
                    found.append((column.name, column.duplicate))
                known.add(row[column.name])
        self.faults.update(code for _name, code in found)
        return "; ".join(f"{name}: {code}" for name, code in found)


def load(file: Path, folder: Path) -> Findings:
    """Load a file into a folder."""
    rules = read_rules()
    unreadable: list[str] = []
    validator = Validator(rules)

    def received() -> Iterator[pa.Table]:
        for batch in read_batches(file, rules, unreadable):
            reasons = pa.array([validator.reasons(row) for row in batch.to_pylist()])
            is_accepted = pc.equal(reasons, pa.scalar(""))
            yield pa.table({c.name: _values(batch[c.name].filter(is_accepted), c) for c in rules})
            rejected = batch.append_column("reasons", reasons).filter(pc.invert(is_accepted))
            yield dlt.mark.with_table_name(pa.Table.from_batches([rejected]), "rejected")

    pipeline = dlt.pipeline(
        "received",
        destination=dlt.destinations.duckdb(str(folder / DATABASE)),
        dataset_name="feed",
        pipelines_dir=str(folder / "dlt"),
    )
    pipeline.run(dlt.resource(received, name="warehouse"), write_disposition="replace")
    write_unreadable(folder, unreadable)
    with duckdb.connect(str(folder / DATABASE)) as connection:
        connection.execute(f"copy feed.rejected to '{folder / REJECTED}'")
        [(accepted, rejected)] = connection.execute(
            "select (select count(*) from feed.warehouse), (select count(*) from feed.rejected)"
        ).fetchall()
    return Findings.of(accepted, rejected, validator.faults, len(unreadable))


def _type(column: ColumnRules) -> Any:
    """Return the annotation of a column as pydantic reads it."""
    kind: Any = int if column.type == "integer" else str
    if column.enum is not None:
        kind = Literal[*column.enum]
    elif column.type == "string":
        pattern = column.patterns.get("pattern")
        anchored = None if pattern is None else f"^(?:{pattern})$"
        low, high = column.min_length, column.max_length
        if (anchored, low, high) != (None, None, None):
            constraints = StringConstraints(pattern=anchored, min_length=low, max_length=high)
            kind = Annotated[str, constraints]
    return kind if column.required else kind | None


def _values(texts: "pa.Array[Any]", column: ColumnRules) -> "pa.Array[Any]":
    filled = texts if column.default is None else texts.fill_null(pa.scalar(str(column.default)))
    return filled.cast(pa.int64()) if column.type == "integer" else filled


if __name__ == "__main__":
    run_peer(load)
