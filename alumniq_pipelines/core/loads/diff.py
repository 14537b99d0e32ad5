"""What a load would change in the live version, and how much change needs approval."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from alumniq_pipelines.core.feeds.field_map import ColumnThresholds, Threshold, Thresholds
from alumniq_pipelines.core.loads.losses import NO_LOSSES, Losses, format_rows, format_share

KINDS = ("added", "changed", "removed")
"""The kinds of change that a threshold may be for, as they are shown."""


@dataclass(frozen=True, slots=True)
class EmptiedColumn:
    """A column that has values in the live version and would have none in the next one.

    `rows_filled` are the rows of the live version that have a value; one that `is_absent` is not
    in the file at all. A column's default does not count as a value.
    """

    name: str
    rows_filled: int
    is_absent: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """The accepted rows of a load compared with the live version's, by primary key.

    In a feed without a key, rows are equal or not: none is changed. `columns` counts the changed
    rows in which a column differs, most frequent first, and leaves out the others. Columns that
    only one of the two versions has change no row; they are listed by name. `emptied` are the
    columns whose values would all be lost.
    """

    added: int
    changed: int
    removed: int
    unchanged: int
    columns: Mapping[str, int] = field(default_factory=dict)
    new_columns: tuple[str, ...] = ()
    gone_columns: tuple[str, ...] = ()
    emptied: tuple[EmptiedColumn, ...] = ()

    @property
    def rows_before(self) -> int:
        """Rows of the live version."""
        return self.changed + self.removed + self.unchanged

    @property
    def is_empty(self) -> bool:
        """Whether both versions are equal."""
        rows = self.added or self.changed or self.removed
        return not (rows or self.new_columns or self.gone_columns)

    def __str__(self) -> str:
        """Return `1,200 added, 30 changed, 4 removed, 48,766 unchanged`."""
        kinds = (*KINDS, "unchanged")
        return ", ".join(f"{getattr(self, kind):,} {kind}" for kind in kinds)

    def to_json(self) -> dict[str, Any]:
        """Serialize for the ledger and for JSON output."""
        return {
            **{kind: getattr(self, kind) for kind in (*KINDS, "unchanged")},
            "columns": dict(self.columns),
            "new_columns": list(self.new_columns),
            "gone_columns": list(self.gone_columns),
            "emptied": [asdict(column) for column in self.emptied],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Changes":
        """Read back what `to_json` wrote."""
        return cls(
            **{kind: stored[kind] for kind in (*KINDS, "unchanged")},
            columns=dict(stored["columns"]),
            new_columns=tuple(stored["new_columns"]),
            gone_columns=tuple(stored["gone_columns"]),
            # What was stored by earlier releases does not have it.
            emptied=tuple(EmptiedColumn(**column) for column in stored.get("emptied", ())),
        )


def find_hold_reasons(
    changes: Changes | None, thresholds: Thresholds, losses: Losses = NO_LOSSES
) -> tuple[str, ...]:
    """Return why a load must be approved, one sentence for each reason.

    Columns that would lose all their values come first, whatever the thresholds are. A first load
    has no reasons; one that changes nothing loses nothing either.
    """
    if changes is None:
        return ()
    before = changes.rows_before
    losses = NO_LOSSES if changes.is_empty else losses
    reasons = [_emptied(column, before) for column in changes.emptied]
    reasons += losses.fill_reasons(thresholds.columns)
    for kind in KINDS:
        rows: int = getattr(changes, kind)
        limit: Threshold = getattr(thresholds, kind)
        if limit.rows is not None and rows > limit.rows:
            reasons.append(f"{format_rows(rows)} {kind}; more than {limit.rows:,} need approval.")
        # Multiplied, not divided: the live version may have no rows.
        if limit.percent is not None and rows * 100 > limit.percent * before:
            share = "of none"
            if before:
                percent = format_share(rows, before, above=limit.percent)
                share = f"{percent} of {format_rows(before)}"
            reasons.append(
                f"{format_rows(rows)} {kind}, {share}; more than {limit.percent:g} % need approval."
            )
    reasons += losses.row_reasons(thresholds.removed)
    return tuple(reasons)


def _emptied(column: EmptiedColumn, before: int) -> str:
    missing = "is absent from this file"
    if not column.is_absent:
        # It may have texts that are no date, or words for a missing value; rows may be rejected.
        missing = "has no usable value in the accepted rows of this file"
    return (
        f"The column `{column.name}` was filled in {format_share(column.rows_filled, before)} of "
        f"the rows of the live version and {missing}."
    )


def override_thresholds(
    thresholds: Thresholds,
    own: Mapping[str, Threshold],
    fill: float | None = None,
    fill_of: Mapping[str, float] | None = None,
) -> Thresholds:
    """Replace the field map's thresholds, by kind and by column, with a subscription's own."""
    columns = ColumnThresholds(
        fill=thresholds.columns.fill if fill is None else fill,
        fill_of=tuple({**dict(thresholds.columns.fill_of), **(fill_of or {})}.items()),
    )
    return thresholds.model_copy(update={**own, "columns": columns})


def format_changes(changes: Changes, max_columns: int = 10) -> Sequence[str]:
    """Return changes as lines for people: the rows, then the columns that changed most."""
    lines = [str(changes)]
    shown = list(changes.columns.items())[:max_columns]
    if shown:
        parts = ", ".join(f"{name} in {format_rows(count)}" for name, count in shown)
        rest = len(changes.columns) - len(shown)
        lines.append(f"Columns changed: {parts}{f', and {rest} more' if rest else ''}")
    for words, names in (
        ("Columns new", changes.new_columns),
        ("Columns gone", changes.gone_columns),
    ):
        if names:
            lines.append(f"{words}: {', '.join(names)}")
    return lines
