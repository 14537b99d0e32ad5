"""The end of a load by pandas: what becomes of the rows once their faults are known."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from benchmarks.peers.arrow_csv import publish, write_unreadable
from benchmarks.peers.findings import REJECTED, Findings
from benchmarks.peers.rules import ColumnRules


def write_result(
    folder: Path,
    rules: Sequence[ColumnRules],
    rows: pd.DataFrame,
    cases: pd.DataFrame,
    unreadable: Sequence[str],
) -> Findings:
    """Publish the rows without a fault, and write the others with their reasons.

    `cases` has a line per fault, under the index of its row, with the column and the code.
    """
    reasons = (cases["column"] + ": " + cases["code"]).groupby(level=0).agg("; ".join)
    rejected = rows.loc[reasons.index]
    rejected.insert(0, "reasons", reasons)
    rejected.to_csv(folder / REJECTED, index=False)
    write_unreadable(folder, unreadable)
    accepted = rows.drop(reasons.index)
    for column in rules:
        if column.default is not None:
            accepted[column.name] = accepted[column.name].fillna(str(column.default))
        if column.type == "integer":
            accepted[column.name] = accepted[column.name].astype("int64[pyarrow]")
    publish(folder, pa.Table.from_pandas(accepted, preserve_index=False))
    return Findings.of(len(accepted), len(rejected), Counter(cases["code"]), len(unreadable))
