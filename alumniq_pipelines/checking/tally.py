"""A tally of broken rules: true totals of all of them, particulars of the first in the file.

However many rows are bad, what is kept is bounded: MAX_REJECTIONS findings per rule and column
while judging, and as many in all afterwards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alumniq_pipelines.checking.rules import (
    Rule,
    advice_of,
    duplicate_message,
    message_of,
    orphan_advice,
    orphan_message,
    ragged_message,
)
from alumniq_pipelines.core.feeds.field_map import Column, ForeignKey, Severity
from alumniq_pipelines.core.loads.check_result import (
    MAX_REJECTIONS,
    Cause,
    CheckResult,
    Counts,
    Rejection,
)

SEVERITIES: Sequence[Severity] = ("error", "warning", "note")
"""The gravest first."""

LinesOf = Callable[[Iterable[int]], Mapping[int, int]]
"""Looks up on which physical line each of some rows of the file starts."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What findings are grouped by: a rule, and the column or the columns of a key it is about."""

    rule: Rule
    column: Column | None = None
    key: tuple[str, ...] = ()
    foreign_key: ForeignKey | None = None

    @property
    def column_name(self) -> str | None:
        """The one column it is about."""
        if self.column is not None:
            return self.column.name
        return self.key[0] if len(self.key) == 1 else None

    @property
    def columns(self) -> str:
        """The key's columns, for a message."""
        return " + ".join(f"`{name}`" for name in self.key)

    @property
    def message(self) -> str:
        """Say what a row does that breaks the rule, whichever row it is."""
        if self.foreign_key is not None:
            return orphan_message(self.columns, self.foreign_key)
        return message_of(self.rule, self.column, self.columns)

    @property
    def advice(self) -> str:
        """Say how to mend it."""
        if self.foreign_key is not None:
            return orphan_advice(self.foreign_key)
        return advice_of(self.rule, self.column)

    @property
    def is_duplicate(self) -> bool:
        """Whether it is about rows that repeat a key or value of an earlier one."""
        return self.rule in {Rule.PRIMARY_KEY, Rule.UNIQUE}

    @property
    def severity(self) -> Severity:
        """What becomes of the row."""
        if self.foreign_key is not None:
            return self.foreign_key.alumniq.severity
        return "error" if self.column is None else self.column.alumniq.severity

    @property
    def rejects(self) -> bool:
        """Whether the row is refused; else it is only told of."""
        return self.severity == "error"


@dataclass(frozen=True, slots=True)
class RowViolation:
    """One rule broken by one row of the file.

    `number` says more: how many values a ragged row has, or which row holds a repeated key first.
    """

    row: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class ViolationCount:
    """How often one subject was found, and in which row of the file first."""

    violation: Violation
    count: int
    first_row: int


@dataclass(slots=True)
class _RuleViolations:
    count: int = 0
    first: list[RowViolation] = field(default_factory=list)


class Tally:
    """Gathers findings by subject; each subject's come in the order of the file."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: dict[Violation, _RuleViolations] = {}

    def add(self, violation: Violation, row_violations: Sequence[RowViolation], count: int) -> None:
        """Add some findings of which only the first are given; `count` is how many there are."""
        if count:
            violation_counts = self._found.setdefault(violation, _RuleViolations())
            violation_counts.count += count
            violation_counts.first.extend(
                row_violations[: MAX_REJECTIONS - len(violation_counts.first)]
            )

    def violation_counts(self) -> Iterator[ViolationCount]:
        """Go through what was found, by subject."""
        for violation, violation_counts in self._found.items():
            yield ViolationCount(violation, violation_counts.count, violation_counts.first[0].row)

    def check_result(
        self, counts: Counts, width: int, lines_of: LinesOf, notes: Sequence[str]
    ) -> CheckResult:
        """Put everything into words; `width` is the number of columns of the header."""
        rejecting = {
            violation: violation_counts
            for violation, violation_counts in self._found.items()
            if violation.rejects
        }
        shown = sorted(
            (
                (row_violation, violation)
                for violation, violation_counts in rejecting.items()
                for row_violation in violation_counts.first
            ),
            key=lambda pair: pair[0].row,
        )[:MAX_REJECTIONS]
        lines = lines_of(_rows_to_locate(shown, self._found.values()))
        remarks = [
            _cause(violation, violation_counts, lines)
            for violation, violation_counts in self._found.items()
            if not violation.rejects
        ]
        return CheckResult(
            counts,
            tuple(
                rejection(row_violation, violation, width, lines)
                for row_violation, violation in shown
            ),
            _by_severity(
                [
                    _cause(violation, violation_counts, lines)
                    for violation, violation_counts in rejecting.items()
                ]
            ),
            tuple(notes),
            remarks=_by_severity(remarks),
        )


def rejection(
    row_violation: RowViolation, violation: Violation, width: int, lines: Mapping[int, int]
) -> Rejection:
    """Put one finding into words; `lines` must know its row, and the first row of a key."""
    rule = violation.rule
    if rule is Rule.RAGGED_ROW:
        message = ragged_message(row_violation.number, width)
    elif violation.is_duplicate:
        message = duplicate_message(
            rule, violation.columns, row_violation.number, lines[row_violation.number]
        )
    else:
        message = violation.message
    return Rejection(
        row_violation.row,
        lines[row_violation.row],
        violation.column_name,
        rule.value,
        message,
        violation.advice,
    )


def _rows_to_locate(
    shown: Iterable[tuple[RowViolation, Violation]], violation_counts: Iterable[_RuleViolations]
) -> set[int]:
    rows = {findings.first[0].row for findings in violation_counts}
    for row_violation, violation in shown:
        rows.add(row_violation.row)
        if violation.is_duplicate:
            rows.add(row_violation.number)
    return rows


def _cause(
    violation: Violation, violation_counts: _RuleViolations, lines: Mapping[int, int]
) -> Cause:
    return Cause(
        violation.rule.value,
        violation.column_name,
        violation.message,
        violation_counts.count,
        lines[violation_counts.first[0].row],
        violation.severity,
        violation.advice,
    )


def _by_severity(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """Put the gravest and most frequent first; else they come as they do in the file."""
    return tuple(
        sorted(
            causes,
            key=lambda cause: (SEVERITIES.index(cause.severity), -cause.count, cause.first_line),
        )
    )
