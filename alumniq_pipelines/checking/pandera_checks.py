"""Check the cells of one column by its pandera schema: every rule that each of them breaks."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa

from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.core.feeds.values import VISIBLE


def check_cells(
    schema: pa.Column, texts: "pd.Series[str]"
) -> Iterator[tuple[Rule, npt.NDArray[np.bool_]]]:
    """Yield each rule of the column, with a mask of the cells that break it.

    The schema's checks are run one by one: `validate` would copy every failing cell into a report,
    at many times the cost.
    """
    if not schema.nullable:
        # A text without anything visible is as good as none, and breaks no other rule. An empty one
        # is a value where the field map says so.
        seen = np.array(
            [text == "" or VISIBLE.search(text) is not None for text in texts.fillna(" ")], np.bool_
        )
        yield Rule.REQUIRED, ~seen
        texts = texts.where(seen)
    for check in schema.checks:
        yield Rule(check.name), ~check(texts).check_output.to_numpy()
