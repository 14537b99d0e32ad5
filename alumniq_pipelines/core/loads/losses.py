"""What a load would lose: columns that are filled less, and rows fewer than within 30 days.

What is lost against the live version, row by row, is in `diff`; this is what adds up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.core.feeds.field_map import ColumnThresholds, Threshold


@dataclass(frozen=True, slots=True)
class Fill:
    """In how many rows of a version a column has a value."""

    filled: int
    rows: int

    @property
    def percent(self) -> float:
        """The share of rows that have a value."""
        return self.filled * 100 / self.rows if self.rows else 0.0

    def exceeds(self, other: "Fill", points: float) -> bool:
        """Whether this share is greater than the other by more than so many points."""
        # Multiplied, not divided: 60 % and 40 % are 20 points apart, and not more.
        gap = self.filled * other.rows - other.filled * self.rows
        return gap * 100 > points * self.rows * other.rows


@dataclass(frozen=True, slots=True)
class BestFill:
    """How a column was filled at best within 30 days, in a version published at a time."""

    fill: Fill
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FillLoss:
    """A column that is filled less than in the live version, or than at best within 30 days."""

    name: str
    now: Fill
    live: Fill
    best: BestFill | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLoss:
    """Fewer rows than at best within 30 days, in a version before the live one."""

    rows: int
    best_rows: int
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """All that a load has less of, however little; thresholds say what matters."""

    columns: tuple[FillLoss, ...] = ()
    rows: RowLoss | None = None

    def fill_reasons(self, thresholds: ColumnThresholds) -> Iterator[str]:
        """Yield a sentence for each column whose share of filled rows falls too far."""
        for loss in self.columns:
            points, best = thresholds.limit_of(loss.name), loss.best
            if loss.live.exceeds(loss.now, points):
                before, version = loss.live, "the live version"
            elif best is not None and best.fill.exceeds(loss.now, points):
                day = f"{best.published_at:%Y-%m-%d}"
                before, version = best.fill, f"the version of {day}, the most within 30 days,"
            else:
                continue
            yield (
                f"The column `{loss.name}` was filled in {format_share(before.filled, before.rows)}"
                f" of the rows of {version} and is in "
                f"{format_share(loss.now.filled, loss.now.rows)} of this file; a fall by more than "
                f"{points:g} points needs approval."
            )

    def row_reasons(self, removed: Threshold) -> Iterator[str]:
        """Yield a sentence for each threshold of removed rows that is exceeded in the sum."""
        if self.rows is None:
            return
        rows, best = self.rows.rows, self.rows.best_rows
        missing = best - rows
        than = f"than the {best:,} of {self.rows.published_at:%Y-%m-%d}, the most within 30 days"
        if removed.rows is not None and missing > removed.rows:
            fewer = f"{format_rows(rows)}, {missing:,} fewer"
            yield f"{fewer} {than}; more than {removed.rows:,} need approval."
        if removed.percent is not None and missing * 100 > removed.percent * best:
            fewer = f"{format_rows(rows)}, {format_share(missing, best)} fewer"
            yield f"{fewer} {than}; more than {removed.percent:g} % need approval."


NO_LOSSES = Losses()


def format_share(part: int, whole: int) -> str:
    """Return a share as `60.1 %`, rounded to 0 % or 100 % only where it is none, or all."""
    if part in {0, whole}:
        return "0 %" if part == 0 else "100 %"
    share = f"{min(max(part * 100 / whole, 0.1), 99.9):.1f}"
    return f"{share.removesuffix('.0')} %"


def format_rows(count: int) -> str:
    """Return a number of rows as `1 row` or `1,200 rows`."""
    return "1 row" if count == 1 else f"{count:,} rows"
