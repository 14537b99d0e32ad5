"""The chart of a target's versions, as plain shapes for an inline SVG: rows, and what changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alumniq_pipelines.core.loads.diff import KINDS, Changes
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.warehouse import Version

WIDTH = 640
HEIGHT = 120
GAP = 0.25
"""Of a bar's share of the width, how much stays free."""
WIDEST_SHARE = 80


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one kind of change, stacked on the parts before it."""

    kind: str
    rows: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One version: its rows as a height, its changes as a stack beside it in a chart of their own.

    `changes` is None of a first version, and of one that was never compared.
    """

    x: float
    y: float
    width: float
    height: float
    version: Version
    is_this: bool
    changes: Changes | None
    parts: tuple[Part, ...]


def bars(
    versions: Sequence[Version],
    changes: Mapping[JobId, Changes | None],
    this: JobId | None = None,
) -> Sequence[Bar]:
    """Lay out versions that come newest first; the bars run from the oldest to the newest."""
    ordered = list(reversed(versions))
    maximum = max((published.rows for published in ordered), default=0) or 1
    compared = [found for published in ordered if (found := changes.get(published.job_id))]
    max_changed = max((_changed_rows(change) for change in compared), default=0) or 1
    share = min(WIDTH / max(len(ordered), 1), WIDEST_SHARE)
    result = []
    for index, version in enumerate(ordered):
        height = round(version.rows / maximum * HEIGHT, 1)
        found = changes.get(version.job_id)
        result.append(
            Bar(
                x=round(index * share + share * GAP / 2, 1),
                y=round(HEIGHT - height, 1),
                width=round(share * (1 - GAP), 1),
                height=height,
                version=version,
                is_this=version.job_id == this,
                changes=found,
                parts=tuple(_parts(found, max_changed)) if found else (),
            )
        )
    return result


def _changed_rows(changes: Changes) -> int:
    return sum(getattr(changes, kind) for kind in KINDS)


def _parts(changes: Changes, maximum: int) -> Iterator[Part]:
    below = 0
    for kind in KINDS:
        rows: int = getattr(changes, kind)
        below += rows
        y = round(HEIGHT - below / maximum * HEIGHT, 1)
        yield Part(kind, rows, y, round(rows / maximum * HEIGHT, 1))
