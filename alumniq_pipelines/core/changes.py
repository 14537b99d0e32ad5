"""What a load would change in the live version, and how much of that needs a person's consent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alumniq_pipelines.core.field_map import Threshold, Thresholds

KINDS = ("added", "changed", "removed")
"""The kinds of change that a threshold may stand for, as they are told."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The accepted rows of a load beside the live version's, row by row of the primary key.

    Of a feed without a key, rows are alike or not: none is changed. `columns` counts the changed
    rows in which a column differs, most frequent first, and leaves out the others. Columns that
    only one of the two versions has change no row; they are named.
    """

    added: int
    changed: int
    removed: int
    unchanged: int
    columns: Mapping[str, int] = field(default_factory=dict)
    new_columns: tuple[str, ...] = ()
    gone_columns: tuple[str, ...] = ()

    @property
    def rows_before(self) -> int:
        """Rows of the live version."""
        return self.changed + self.removed + self.unchanged

    @property
    def are_none(self) -> bool:
        """Whether both are alike."""
        rows = self.added or self.changed or self.removed
        return not (rows or self.new_columns or self.gone_columns)

    def __str__(self) -> str:
        """Read as `1,200 added, 30 changed, 4 removed, 48,766 unchanged`."""
        kinds = (*KINDS, "unchanged")
        return ", ".join(f"{getattr(self, kind):,} {kind}" for kind in kinds)

    def to_json(self) -> dict[str, Any]:
        """Lay out for storing and for machines."""
        return {
            **{kind: getattr(self, kind) for kind in (*KINDS, "unchanged")},
            "columns": dict(self.columns),
            "new_columns": list(self.new_columns),
            "gone_columns": list(self.gone_columns),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Changes":
        """Read back what `to_json` wrote."""
        return cls(
            **{kind: stored[kind] for kind in (*KINDS, "unchanged")},
            columns=dict(stored["columns"]),
            new_columns=tuple(stored["new_columns"]),
            gone_columns=tuple(stored["gone_columns"]),
        )


def reasons_to_hold(changes: Changes | None, thresholds: Thresholds) -> tuple[str, ...]:
    """Say which thresholds are exceeded, a sentence each; none on a first load, nor of equality."""
    if changes is None:
        return ()
    return tuple(
        reason
        for kind in KINDS
        for reason in _excesses(
            kind, getattr(changes, kind), changes.rows_before, getattr(thresholds, kind)
        )
    )


def overridden(thresholds: Thresholds, own: Mapping[str, Threshold]) -> Thresholds:
    """Put a subscription's own thresholds, by kind, in place of the field map's."""
    return thresholds.model_copy(update=dict(own))


def _excesses(kind: str, rows: int, before: int, most: Threshold) -> Iterator[str]:
    if most.rows is not None and rows > most.rows:
        yield f"{_rows(rows)} {kind}; more than {most.rows:,} wait for a person."
    if most.percent is None or rows * 100 <= most.percent * before:
        return
    share = f"{_percent(rows, before)} of {_rows(before)}" if before else "of none"
    yield f"{_rows(rows)} {kind}, {share}; more than {most.percent:g} % wait for a person."


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _percent(rows: int, before: int) -> str:
    return f"{rows * 100 / before:,.1f} %"


def told_changes(changes: Changes, most_columns: int = 10) -> Sequence[str]:
    """Put changes into lines for people: the rows, then the columns that changed most."""
    lines = [str(changes)]
    shown = list(changes.columns.items())[:most_columns]
    if shown:
        told = ", ".join(f"{name} in {_rows(count)}" for name, count in shown)
        rest = len(changes.columns) - len(shown)
        lines.append(f"Columns changed: {told}{f', and {rest} more' if rest else ''}")
    for words, names in (
        ("Columns new", changes.new_columns),
        ("Columns gone", changes.gone_columns),
    ):
        if names:
            lines.append(f"{words}: {', '.join(names)}")
    return lines
