"""The chart of a target's versions: rows over time, as plain shapes for an inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from alumniq_pipelines.core.load import JobId
from alumniq_pipelines.core.warehouse import Version

WIDTH = 640
HEIGHT = 120
GAP = 0.25
"""Of a bar's share of the width, how much stays free."""
WIDEST_SHARE = 80


@dataclass(frozen=True, slots=True)
class Bar:
    """One version; its rows as a height, and in words."""

    x: float
    y: float
    width: float
    height: float
    version: Version
    change: int | None
    is_this: bool


def bars(versions: Sequence[Version], this: JobId | None = None) -> Sequence[Bar]:
    """Lay out versions that come newest first; the bars run from the oldest to the newest."""
    ordered = list(reversed(versions))
    most = max((each.rows for each in ordered), default=0) or 1
    share = min(WIDTH / max(len(ordered), 1), WIDEST_SHARE)
    before: int | None = None
    laid = []
    for place, version in enumerate(ordered):
        height = round(version.rows / most * HEIGHT, 1)
        laid.append(
            Bar(
                x=round(place * share + share * GAP / 2, 1),
                y=round(HEIGHT - height, 1),
                width=round(share * (1 - GAP), 1),
                height=height,
                version=version,
                change=None if before is None else version.rows - before,
                is_this=version.job_id == this,
            )
        )
        before = version.rows
    return laid
