"""The result of checking a file: counts that add up, rejections, and their causes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alumniq_pipelines.core.feeds.field_map import Severity
from alumniq_pipelines.core.loads.losses import format_rows

MAX_REJECTIONS = 1_000
"""Rejections stored in full; totals beyond them stay exact in `causes`."""


FILE_NOTE_CODE = "file"
"""The code of notes about a file as a whole, which are not about a rule for rows."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a file; `rows_read == rows_accepted + rows_rejected`, always."""

    rows_read: int
    rows_accepted: int
    rows_rejected: int

    def __post_init__(self) -> None:
        """Refuse counts that do not add up: a row would be lost silently."""
        if self.rows_read != self.rows_accepted + self.rows_rejected:
            message = (
                f"{self.rows_read} rows read are not {self.rows_accepted} accepted "
                f"plus {self.rows_rejected} rejected."
            )
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """One rule broken by one row.

    `row` counts data rows from 1 and is None for faults of the whole file; `line` is the physical
    line of the file on which the row starts (the header is line 1). `column` is None for faults of
    the whole row. No field contains cell values.
    """

    row: int | None
    line: int | None
    column: str | None
    code: str
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """All broken rules of one kind in one column, with the true total.

    Those of severity `error` reject their rows; warnings and notes only report them. A note about
    the file as a whole has no rows: a `count` and a `first_line` of 0.
    """

    code: str
    column: str | None
    message: str
    count: int
    first_line: int
    severity: Severity = "error"
    advice: str = ""

    def __str__(self) -> str:
        """Return the message with its rows and first line, as customers read it."""
        if not self.count:
            return self.message
        where = f"line {self.first_line}" if self.count == 1 else f"first on line {self.first_line}"
        return f"{self.message} ({format_rows(self.count)}, {where})"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of checking one file.

    `rejections` are the first in file order, at most MAX_REJECTIONS; `causes` cover all, most
    frequent first. `warnings` are causes that reject nothing: warnings before notes, most frequent
    first. `notes` are about the file as a whole; those of them that name references that were not
    checked are `unchecked`. `hints` suggest what probably caused the faults. `report_note`
    says where the rejection report is, if it is not where it usually is.
    """

    counts: Counts
    rejections: tuple[Rejection, ...] = ()
    causes: tuple[Cause, ...] = ()
    notes: tuple[str, ...] = field(default=())
    hints: tuple[str, ...] = field(default=())
    warnings: tuple[Cause, ...] = field(default=())
    unchecked: tuple[str, ...] = field(default=())
    report_note: Cause | None = None

    @property
    def is_clean(self) -> bool:
        """Whether every row was accepted."""
        return self.counts.rows_rejected == 0


def format_errors(causes: Sequence[Cause], limit: int = 20) -> tuple[str, ...]:
    """Return the lines of the callback's `errors`, capped, the rest as a true total."""
    return _capped_lines([str(cause) for cause in causes], causes, limit, "error")


def format_warnings(warnings: Sequence[Cause], limit: int = 20) -> tuple[str, ...]:
    """Return a line with its advice for each warning and note, capped, the rest as a true total."""
    lines = [f"{str(warning).removesuffix('.')}. {warning.advice}".strip() for warning in warnings]
    return _capped_lines(lines, warnings, limit, "warning or note")


def file_note(note: str) -> Cause:
    """Return a note about a file as a whole."""
    return Cause(
        code=FILE_NOTE_CODE,
        column=None,
        message=note,
        count=0,
        first_line=0,
        severity="note",
    )


def _capped_lines(
    lines: Sequence[str], causes: Sequence[Cause], limit: int, kind: str
) -> tuple[str, ...]:
    lines_shown = list(lines[:limit])
    if len(causes) > limit:
        rest = sum(cause.count for cause in causes[limit:])
        lines_shown.append(f"And {len(causes) - limit} more kinds of {kind} in {rest:,} places.")
    return tuple(lines_shown)
