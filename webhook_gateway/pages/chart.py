"""The chart of a target's versions, as shapes for an inline SVG: row counts and changes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alumniq_pipelines.core.loads.diff import KINDS, Changes
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.warehouse import Version

WIDTH = 640
HEIGHT = 120
GAP = 0.25
"""The fraction of a bar's share of the width that stays empty."""
MAX_SHARE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of one kind of change, stacked on the previous parts."""

    kind: str
    rows: int
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A version: its rows as a bar in one chart, its changes as a stack of parts in another.

    `changes` is None for a first version and for one that was not compared with its predecessor.
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
    """Return the bars of versions that are given newest first; the bars are oldest first."""
    ordered = list(reversed(versions))
    maximum = max((published.rows for published in ordered), default=0) or 1
    compared = [found for published in ordered if (found := changes.get(published.job_id))]
    max_changed = (
        max((sum(getattr(change, kind) for kind in KINDS) for change in compared), default=0) or 1
    )
    share = min(WIDTH / max(len(ordered), 1), MAX_SHARE)
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


def _parts(changes: Changes, maximum: int) -> Iterator[Part]:
    # SVG counts y downwards, so each part starts above the rows of all parts so far.
    below = 0
    for kind in KINDS:
        rows: int = getattr(changes, kind)
        below += rows
        y = round(HEIGHT - below / maximum * HEIGHT, 1)
        yield Part(kind=kind, rows=rows, y=y, height=round(rows / maximum * HEIGHT, 1))
