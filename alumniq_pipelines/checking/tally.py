"""A tally of broken rules: true totals of all of them, particulars of the first in the file.

However many rows are bad, what is kept is bounded: MAX_REJECTIONS_KEPT findings per rule and column
while judging, and as many in all afterwards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alumniq_pipelines.checking.rules import (
    Rule,
    advice_of,
    message_of,
    orphan_advice,
    orphan_message,
    ragged_message,
    repeat_message,
)
from alumniq_pipelines.core.feeds.field_map import Column, ForeignKey, Severity
from alumniq_pipelines.core.loads.check_result import (
    MAX_REJECTIONS_KEPT,
    Cause,
    Counts,
    Rejection,
    Verdict,
)

SEVERITIES: Sequence[Severity] = ("error", "warning", "note")
"""The gravest first."""

LinesOf = Callable[[Iterable[int]], Mapping[int, int]]
"""Looks up on which physical line each of some rows of the file starts."""


@dataclass(frozen=True, slots=True)
class Subject:
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
    def is_repeat(self) -> bool:
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
class Finding:
    """One rule broken by one row of the file.

    `number` says more: how many values a ragged row has, or which row holds a repeated key first.
    """

    row: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """How often one subject was found, and in which row of the file first."""

    subject: Subject
    count: int
    first_row: int


@dataclass(slots=True)
class _Findings:
    count: int = 0
    first: list[Finding] = field(default_factory=list)


class Tally:
    """Gathers findings by subject; each subject's come in the order of the file."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: dict[Subject, _Findings] = {}

    def add(self, subject: Subject, findings: Sequence[Finding], count: int) -> None:
        """Add some findings of which only the first are given; `count` is how many there are."""
        if count:
            found = self._found.setdefault(subject, _Findings())
            found.count += count
            found.first.extend(findings[: MAX_REJECTIONS_KEPT - len(found.first)])

    def found(self) -> Iterator[Found]:
        """Go through what was found, by subject."""
        for subject, found in self._found.items():
            yield Found(subject, found.count, found.first[0].row)

    def verdict(
        self, counts: Counts, width: int, lines_of: LinesOf, notes: Sequence[str]
    ) -> Verdict:
        """Put everything into words; `width` is the number of columns of the header."""
        refused = {subject: found for subject, found in self._found.items() if subject.rejects}
        kept = sorted(
            ((finding, subject) for subject, found in refused.items() for finding in found.first),
            key=lambda each: each[0].row,
        )[:MAX_REJECTIONS_KEPT]
        lines = lines_of(_rows_to_look_up(kept, self._found.values()))
        remarks = [
            _cause(subject, found, lines)
            for subject, found in self._found.items()
            if not subject.rejects
        ]
        return Verdict(
            counts,
            tuple(rejection(finding, subject, width, lines) for finding, subject in kept),
            _ordered([_cause(subject, found, lines) for subject, found in refused.items()]),
            tuple(notes),
            remarks=_ordered(remarks),
        )


def rejection(
    finding: Finding, subject: Subject, width: int, lines: Mapping[int, int]
) -> Rejection:
    """Put one finding into words; `lines` must know its row, and the first row of a key."""
    rule = subject.rule
    if rule is Rule.RAGGED_ROW:
        message = ragged_message(finding.number, width)
    elif subject.is_repeat:
        message = repeat_message(rule, subject.columns, finding.number, lines[finding.number])
    else:
        message = subject.message
    return Rejection(
        finding.row,
        lines[finding.row],
        subject.column_name,
        rule.value,
        message,
        subject.advice,
    )


def _rows_to_look_up(
    kept: Iterable[tuple[Finding, Subject]], found: Iterable[_Findings]
) -> set[int]:
    rows = {each.first[0].row for each in found}
    for finding, subject in kept:
        rows.add(finding.row)
        if subject.is_repeat:
            rows.add(finding.number)
    return rows


def _cause(subject: Subject, found: _Findings, lines: Mapping[int, int]) -> Cause:
    return Cause(
        subject.rule.value,
        subject.column_name,
        subject.message,
        found.count,
        lines[found.first[0].row],
        subject.severity,
        subject.advice,
    )


def _ordered(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """Put the gravest and most frequent first; else they come as they do in the file."""
    return tuple(
        sorted(
            causes,
            key=lambda cause: (SEVERITIES.index(cause.severity), -cause.count, cause.first_line),
        )
    )
