"""Great Expectations on pandas, whose texts are Arrow's.

python -m benchmarks.peers.great_expectations_pandas FILE FOLDER
"""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at import; it sends nothing about a benchmark

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.core import ExpectationValidationResult

from benchmarks.peers.arrow_csv import read_text
from benchmarks.peers.findings import Findings, run_peer
from benchmarks.peers.pandas_result import write_result
from benchmarks.peers.rules import ColumnRules, read_rules


def load(file: Path, folder: Path) -> Findings:
    """Load a file into a folder."""
    rules = read_rules()
    table, unreadable = read_text(file, rules)
    rows = table.to_pandas()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("received").add_dataframe_asset("warehouse")
    definition = asset.add_batch_definition_whole_dataframe("all")
    suite = gx.ExpectationSuite("warehouse", [e for column in rules for e in _expectations(column)])
    result = definition.get_batch({"dataframe": rows}).validate(suite, result_format="COMPLETE")
    cases = pd.concat([_cases(checked, rows) for checked in result.results])
    return write_result(folder, rules, rows, cases, unreadable)


def _expectations(column: ColumnRules) -> Iterator[gxe.Expectation]:
    """Yield what is expected of a column, each with the code of its rule."""
    name = column.name
    if column.required:
        yield gxe.ExpectColumnValuesToNotBeNull(column=name, meta={"code": "required"})
    if column.duplicate:
        yield gxe.ExpectColumnValuesToBeUnique(column=name, meta={"code": column.duplicate})
    for code, pattern in column.patterns.items():
        regex = rf"^(?:{pattern})\Z"
        yield gxe.ExpectColumnValuesToMatchRegex(column=name, regex=regex, meta={"code": code})
    if column.enum is not None:
        allowed = list(column.enum)
        yield gxe.ExpectColumnValuesToBeInSet(column=name, value_set=allowed, meta={"code": "enum"})
    if (column.min_length, column.max_length) != (None, None):
        low, high = column.min_length, column.max_length
        yield gxe.ExpectColumnValueLengthsToBeBetween(
            column=name, min_value=low, max_value=high, meta={"code": "length"}
        )


def _cases(checked: ExpectationValidationResult, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are not as expected: their index, the column and the code."""
    expected = checked.expectation_config
    index = pd.Index(checked.result["unexpected_index_list"], dtype="int64")
    column, code = expected.kwargs["column"], expected.meta["code"]
    if code.startswith("duplicate"):
        # Great Expectations lists the first row of a value too, which may stay.
        index = index[rows[column].loc[index].duplicated()]
    return pd.DataFrame({"column": column, "code": code}, index=index)


if __name__ == "__main__":
    run_peer(load)
