"""Count violations: exact totals for all, and details of the first ones in the file.

Memory is bounded however many rows are bad: at most MAX_REJECTIONS details are stored for each
rule and column during the check, and as many in all in its result.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alumniq_pipelines.checking.damaged_cells import (
    damaged_cell_advice,
    damaged_cell_message,
)
from alumniq_pipelines.checking.damaged_keys import damaged_key_advice, damaged_key_message
from alumniq_pipelines.checking.rules import (
    Rule,
    advice_of,
    duplicate_message,
    message_of,
    orphan_advice,
    orphan_message,
    ragged_message,
)
from alumniq_pipelines.checking.text_damage import CERTAIN_IN_KEYS, Damage
from alumniq_pipelines.core.feeds.column_types import ColumnType
from alumniq_pipelines.core.feeds.field_map import Column, ForeignKey, Severity
from alumniq_pipelines.core.loads.check_result import (
    MAX_REJECTIONS,
    Cause,
    CheckResult,
    Counts,
    Rejection,
)

SEVERITIES: Sequence[Severity] = ("error", "warning", "note")
"""The most severe first."""

LinesOf = Callable[[Iterable[int]], Mapping[int, int]]
"""Returns the physical line on which each of some rows of the file starts."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule, and the column or key columns that violate it: what rows are counted by.

    `damage` is that of a damaged key, or why a value breaks the rule.
    """

    rule: Rule
    column: Column | None = None
    key: tuple[str, ...] = ()
    foreign_key: ForeignKey | None = None
    damage: Damage | None = None

    @property
    def column_name(self) -> str | None:
        """The column, if it concerns one only."""
        if self.column is not None:
            return self.column.name
        return self.key[0] if len(self.key) == 1 else None

    @property
    def columns(self) -> str:
        """The columns of the key, as a message lists them."""
        return " + ".join(f"`{name}`" for name in self.key)

    @property
    def message(self) -> str:
        """What is wrong with a row, in words that fit any row."""
        if self.foreign_key is not None:
            return orphan_message(self.columns, self.foreign_key)
        if self.rule is Rule.DAMAGED_KEY and self.damage is not None and self.column is not None:
            return damaged_key_message(self.column.name, self.damage)
        message = message_of(self.rule, self.column, self.columns)
        return message if self.damage is None else damaged_cell_message(message, self.damage)

    @property
    def advice(self) -> str:
        """How to fix it."""
        if self.foreign_key is not None:
            return orphan_advice(self.foreign_key)
        if self.rule is Rule.DAMAGED_KEY and self.damage is not None:
            return damaged_key_advice(self.damage)
        advice = advice_of(self.rule, self.column)
        if self.damage is None or self.column is None:
            return advice
        return damaged_cell_advice(advice, self.damage, self.column)

    @property
    def is_duplicate(self) -> bool:
        """Whether rows repeat a key or value of an earlier row."""
        return self.rule in {Rule.PRIMARY_KEY, Rule.UNIQUE}

    @property
    def severity(self) -> Severity:
        """The severity: only an error rejects the row."""
        if self.foreign_key is not None:
            return self.foreign_key.alumniq.severity
        if self.rule is Rule.DAMAGED_KEY:
            return "error" if self.damage in CERTAIN_IN_KEYS else "warning"
        if self.column is None:
            return "error"
        severity = self.column.alumniq.severity
        if self.rule is Rule.PRECISION:
            # What is published is nearly what was sent: no reason to reject the row.
            most_severe: Severity = "warning" if self.column.type is ColumnType.NUMBER else "note"
            return max(most_severe, severity, key=SEVERITIES.index)
        return severity

    @property
    def rejects(self) -> bool:
        """Whether the row is rejected, and not only reported."""
        return self.severity == "error"


@dataclass(frozen=True, slots=True)
class RowViolation:
    """One violation by one row of the file.

    `number` is a detail: how many values a ragged row has, or the first row with a repeated key.
    """

    row: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class ViolationCount:
    """How many rows have a violation, and the first of them in the file."""

    violation: Violation
    count: int
    first_row: int


@dataclass(slots=True)
class _Found:
    """All rows with one violation: their number, and the first of them."""

    count: int = 0
    first: list[RowViolation] = field(default_factory=list)


class Tally:
    """Counts violations; the rows of each come in the order of the file."""

    def __init__(self) -> None:
        """Start without any."""
        self._found: dict[Violation, _Found] = {}

    def add(self, violation: Violation, row_violations: Sequence[RowViolation], count: int) -> None:
        """Add `count` rows with a violation, of which only the first need to be given."""
        if count:
            found = self._found.setdefault(violation, _Found())
            found.count += count
            found.first.extend(row_violations[: MAX_REJECTIONS - len(found.first)])

    def violation_counts(self) -> Iterator[ViolationCount]:
        """Yield how often each violation was found."""
        for violation, found in self._found.items():
            yield ViolationCount(violation, found.count, found.first[0].row)

    def check_result(
        self, counts: Counts, width: int, lines_of: LinesOf, notes: Sequence[str]
    ) -> CheckResult:
        """Return the result in words; `width` is the number of columns of the header."""
        shown = sorted(
            (
                (row_violation, violation)
                for violation, found in self._found.items()
                if violation.rejects
                for row_violation in found.first
            ),
            key=lambda pair: pair[0].row,
        )[:MAX_REJECTIONS]

        # Looking lines up reads parts of the file again, so all rows are looked up at once: those
        # shown, the rows that had a repeated key first, and the first row of each violation.
        to_locate = {found.first[0].row for found in self._found.values()}
        to_locate |= {
            found.first[0].number
            for violation, found in self._found.items()
            if violation.is_duplicate
        }
        for row_violation, violation in shown:
            to_locate.add(row_violation.row)
            if violation.is_duplicate:
                to_locate.add(row_violation.number)
        lines = lines_of(to_locate)

        causes = [
            Cause(
                code=violation.rule.value,
                column=violation.column_name,
                message=_cause_message(violation, found.first[0], lines),
                count=found.count,
                first_line=lines[found.first[0].row],
                severity=violation.severity,
                advice=violation.advice,
            )
            for violation, found in self._found.items()
        ]
        causes.sort(
            key=lambda cause: (SEVERITIES.index(cause.severity), -cause.count, cause.first_line)
        )
        return CheckResult(
            counts=counts,
            rejections=tuple(
                _rejection(row_violation, violation, width, lines)
                for row_violation, violation in shown
            ),
            causes=tuple(cause for cause in causes if cause.severity == "error"),
            notes=tuple(notes),
            warnings=tuple(cause for cause in causes if cause.severity != "error"),
        )


def _cause_message(violation: Violation, first: RowViolation, lines: Mapping[int, int]) -> str:
    """Return the message on all rows with a violation; it names the first row with a duplicate."""
    if not violation.is_duplicate:
        return violation.message
    return f"{violation.message}, first that of row {first.number:,} (line {lines[first.number]:,})"


def row_message(violation: Violation, number: int, width: int, lines: Mapping[int, int]) -> str:
    """Return what is wrong with one row; `number` is that of its `RowViolation`."""
    if violation.rule is Rule.RAGGED_ROW:
        return ragged_message(number, width)
    if violation.is_duplicate:
        return duplicate_message(violation.rule, violation.columns, number, lines[number])
    return violation.message


def _rejection(
    row_violation: RowViolation, violation: Violation, width: int, lines: Mapping[int, int]
) -> Rejection:
    """Return one violation in words; `lines` must have its row, and the first row of its key."""
    return Rejection(
        row=row_violation.row,
        line=lines[row_violation.row],
        column=violation.column_name,
        code=violation.rule.value,
        message=row_message(violation, row_violation.number, width, lines),
        advice=violation.advice,
    )
