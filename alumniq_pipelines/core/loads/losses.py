"""What a load would lose: columns that are filled less, and rows fewer than within 30 days.

What is lost against the live version, row by row, is in `diff`; this is what adds up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from alumniq_pipelines.core.feeds.field_map import ColumnThresholds, Threshold

MIN_CELLS_LOST = 5
"""A column may lose fewer values than these: in a table of four rows, one is 25 points."""

MIN_CELLS_HALVED, MIN_POINTS_HALVED = 20, 1
"""A fall by more than half holds no load if it is by less: a rare value may come and go."""

MAX_POINTS = 100
"""So far any share may fall."""

MAX_DECIMALS = 9
"""One row of the largest file is more than the last of these decimals of a percentage."""


class Period(StrEnum):
    """Which past versions a load is compared with, as the end of a sentence says it."""

    DAYS = "within 30 days"
    NEWEST = "among the newest versions"
    APPROVAL = "since the last approval"
    ROLLBACK = "since the last rollback"


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
        """Whether this share is greater than the other by more than so many points.

        A few cells do not count, unless no points are allowed at all.
        """
        # Multiplied, not divided: 60 % and 40 % are 20 points apart, and not more.
        gap = self.filled * other.rows - other.filled * self.rows
        is_enough = points == 0 or gap >= MIN_CELLS_LOST * self.rows
        return is_enough and gap * 100 > points * self.rows * other.rows

    def is_halved(self, now: "Fill") -> bool:
        """Whether more than half of this share is gone now, which is more than some rare values."""
        gap = self.filled * now.rows - now.filled * self.rows
        is_enough = (
            gap >= MIN_CELLS_HALVED * self.rows
            and gap * 100 >= MIN_POINTS_HALVED * self.rows * now.rows
        )
        return is_enough and gap * 2 > self.filled * now.rows


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
    period: Period = Period.DAYS

    def fill_reasons(self, thresholds: ColumnThresholds) -> Iterator[str]:
        """Yield a sentence for each column whose share of filled rows falls too far.

        A share of 18 % cannot fall by 20 points: so it may not fall by more than half, either. A
        column that has points of its own goes by them alone; with 100 points, any may fall.
        """
        for loss in self.columns:
            points = thresholds.limit_of(loss.name)
            may_be_halved = points == MAX_POINTS or thresholds.own_limit_of(loss.name) is not None
            for before, version in self._compared(loss):
                if before.exceeds(loss.now, points):
                    apart, limit = points, format_points(points)
                elif not may_be_halved and before.is_halved(loss.now):
                    apart, limit = before.percent / 2, "half"
                else:
                    continue
                shares = (before.filled, before.rows), (loss.now.filled, loss.now.rows)
                was, is_now = format_shares(*shares, apart=apart)
                yield (
                    f"The column `{loss.name}` was filled in {was} of the rows of {version} and "
                    f"has a usable value in {is_now} of the accepted rows of this file; a fall by "
                    f"more than {limit} needs approval."
                )
                break

    def _compared(self, loss: FillLoss) -> Iterator[tuple[Fill, str]]:
        """Yield what a column is compared with, and its name."""
        yield loss.live, "the live version"
        if loss.best is not None:
            day = f"{loss.best.published_at:%Y-%m-%d}"
            yield loss.best.fill, f"the version of {day}, the most {self.period},"

    def row_reasons(self, removed: Threshold) -> Iterator[str]:
        """Yield a sentence for each threshold of removed rows that is exceeded in the sum."""
        if self.rows is None:
            return
        rows, best = self.rows.rows, self.rows.best_rows
        missing, accepted = best - rows, f"{rows:,} accepted row{'' if rows == 1 else 's'}"
        than = f"than the {best:,} of {self.rows.published_at:%Y-%m-%d}, the most {self.period}"
        if removed.rows is not None and missing > removed.rows:
            fewer = f"{accepted}, {missing:,} fewer"
            yield f"{fewer} {than}; more than {removed.rows:,} need approval."
        if removed.percent is not None and missing * 100 > removed.percent * best:
            fewer = f"{accepted}, {format_share(missing, best, above=removed.percent)} fewer"
            yield f"{fewer} {than}; more than {removed.percent:g} % need approval."


NO_LOSSES = Losses()


def format_share(part: int, whole: int, *, above: float | None = None) -> str:
    """Return a share as `60.1 %`, rounded to 0 % or 100 % only where it is none, or all.

    One that is greater than a limit has as many decimals as it takes to be `above` it.
    """
    return format_shares((part, whole), apart=above)[0]


def format_shares(*shares: tuple[int, int], apart: float | None = None) -> tuple[str, ...]:
    """Return shares of a part in a whole, the second of which may be less than the first.

    Where they differ by more than a limit, they are also written so far `apart`.
    """
    limit = Decimal(-1) if apart is None else Decimal(str(apart))
    for decimals in range(1, MAX_DECIMALS + 1):
        rounded = [_percent(part, whole, decimals) for part, whole in shares]
        if rounded[0] - sum(rounded[1:]) > limit:
            break
    return tuple(f"{percent:,f} %" for percent in rounded)


def _percent(part: int, whole: int, decimals: int) -> Decimal:
    """Return a percentage with at most so many decimals."""
    last = Decimal(1).scaleb(-decimals)
    percent = (Decimal(part) * 100 / Decimal(whole)).quantize(last)
    if 0 < part < whole:
        percent = min(max(percent, last), 100 - last)
    return percent.normalize()


def format_rows(count: int) -> str:
    """Return a number of rows as `1 row` or `1,200 rows`."""
    return "1 row" if count == 1 else f"{count:,} rows"


def format_points(points: float) -> str:
    """Return a difference of shares as `1 point` or `12.5 points`."""
    return "1 point" if points == 1 else f"{points:g} points"
