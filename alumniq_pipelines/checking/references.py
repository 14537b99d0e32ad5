"""Judging references: whether what the foreign keys of a file refer to is there."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from alumniq_pipelines.checking.hints import zeros_hint
from alumniq_pipelines.checking.orphans import (
    OtherRows,
    attach_rows,
    find_links,
    propagate_rejections,
)
from alumniq_pipelines.checking.reference_rows import ReferenceSources, UncheckedReference
from alumniq_pipelines.checking.rules import Rule, missing_columns_note
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.structure.block import Mask, Positions
from alumniq_pipelines.checking.tally import Violation
from alumniq_pipelines.core.feeds.field_map import FieldMap, ForeignKey

Orphans = Iterator[tuple[Violation, Positions]]


@dataclass
class ReferenceChecker:
    """The references of a staged file; why some could not be judged; what may have gone wrong.

    `rejected` are the rows that are rejected by now; whoever takes the orphans marks those that
    are, before taking the next.
    """

    staging: Staging
    rejected: Mask
    reference_sources: ReferenceSources
    notes: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def orphans(self) -> Orphans:
        """Find rows that refer to no row, by foreign key.

        Keys to the file itself come last: by then it is known which of its rows are rejected, and
        these are no partners.
        """
        keys = self.staging.field_map.table_schema.foreign_keys
        own = {"", self.staging.field_map.name}
        feeds = dict.fromkeys(key.reference.resource for key in keys)
        for feed in (name for name in feeds if name not in own):
            yield from self._orphans_by_feed(
                feed, [key for key in keys if key.reference.resource == feed]
            )
        yield from self._orphans_in_file([key for key in keys if key.reference.resource in own])

    def _orphans_by_feed(self, feed: str, keys: list[ForeignKey]) -> Orphans:
        columns = dict.fromkeys(name for key in keys for name in _required_columns(key))
        rows = self.reference_sources.rows_of(feed, tuple(columns))
        if isinstance(rows, UncheckedReference):
            self.notes.append(rows.note)
            return
        if rows.note:
            self.notes.append(rows.note)
        with attach_rows(self.staging, rows) as others:
            for key in keys:
                violation = _violation(key, self.staging.field_map)
                if self._can_be_checked(violation, key, others):
                    yield from self._orphans_by_key(violation, key, others)

    def _orphans_by_key(self, violation: Violation, key: ForeignKey, others: OtherRows) -> Orphans:
        """Find orphans among the other feed's rows, and what they may have lost."""
        are_there = False
        for found in others.orphans(key):
            are_there = True
            yield violation, found
        if are_there and (lost := others.find_lost_zeros(key)):
            feed = key.reference.resource
            self.hints.append(zeros_hint(lost.column, lost.rows, lost.width, feed))

    def _can_be_checked(self, violation: Violation, key: ForeignKey, others: OtherRows) -> bool:
        """Whether the other feed's rows have all columns that are referred to; else note it."""
        missing = [f"`{name}`" for name in _required_columns(key) if name not in others.types]
        if missing:
            feed = key.reference.resource
            self.notes.append(missing_columns_note(violation.columns, feed, " + ".join(missing)))
        return not missing

    def _orphans_in_file(self, keys: list[ForeignKey]) -> Orphans:
        pairs = [
            (_violation(key, self.staging.field_map), find_links(self.staging, key)) for key in keys
        ]
        rejecting = [key_links for violation, key_links in pairs if violation.rejects]
        rejected = propagate_rejections(self.rejected, rejecting) if rejecting else self.rejected
        for violation, key_links in pairs:
            yield violation, key_links.orphans(rejected)


def _violation(key: ForeignKey, field_map: FieldMap) -> Violation:
    """Name what is judged; a file that refers to itself does so without its feed's name."""
    if key.reference.resource == field_map.name:
        itself = key.reference.model_copy(update={"resource": ""})
        key = key.model_copy(update={"reference": itself})
    return Violation(Rule.FOREIGN_KEY, key=key.fields, foreign_key=key)


def _required_columns(key: ForeignKey) -> tuple[str, ...]:
    """Name the columns that are looked at where a key refers to."""
    return (*key.reference.fields, *(name for name, _ in key.alumniq.where))
