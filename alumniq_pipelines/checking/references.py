"""Check references: whether the rows exist that the foreign keys of a file refer to."""

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


@dataclass(kw_only=True)
class ReferenceChecker:
    """Checks the foreign keys of a staged file, and collects notes and hints while it does.

    `rejected` is the caller's mask of rejected rows. The caller must mark the orphans yielded so
    far in it before asking for the next, since a rejected row may not be referred to.
    """

    staging: Staging
    rejected: Mask
    reference_sources: ReferenceSources
    notes: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def orphans(self) -> Orphans:
        """Yield the rows that refer to no row, by foreign key.

        Keys that refer to the file itself come last: only then is it known which rows are rejected.
        """
        field_map = self.staging.field_map
        keys = field_map.table_schema.foreign_keys
        itself = {"", field_map.name}
        # Each feed once, however many keys refer to it: its rows may have to be copied first.
        for feed in dict.fromkeys(key.reference.resource for key in keys):
            if feed not in itself:
                feed_keys = [key for key in keys if key.reference.resource == feed]
                yield from self._orphans_by_feed(feed, feed_keys)

        links = [
            (_violation(key, field_map), find_links(self.staging, key))
            for key in keys
            if key.reference.resource in itself
        ]
        # Of keys whose severity is an error, orphans are rejected, and so are rows that refer to
        # those: all of them are found at once, and only then yielded.
        rejecting = [key_links for violation, key_links in links if violation.rejects]
        rejected = propagate_rejections(self.rejected, rejecting) if rejecting else self.rejected
        for violation, key_links in links:
            yield violation, key_links.orphans(rejected)

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
                missing = [name for name in _required_columns(key) if name not in others.types]
                if missing:
                    listed = " + ".join(f"`{name}`" for name in missing)
                    self.notes.append(missing_columns_note(violation.columns, feed, listed))
                else:
                    yield from self._orphans_by_key(violation, key, others)

    def _orphans_by_key(self, violation: Violation, key: ForeignKey, others: OtherRows) -> Orphans:
        has_orphans = False
        for orphans in others.orphans(key):
            has_orphans = True
            yield violation, orphans
        if has_orphans and (lost := others.find_lost_zeros(key)):
            feed = key.reference.resource
            self.hints.append(zeros_hint(lost.column, lost.rows, lost.width, feed))


def _violation(key: ForeignKey, field_map: FieldMap) -> Violation:
    """Return the violation of a foreign key.

    A file may refer to itself with or without the name of its feed; messages are worded without.
    """
    if key.reference.resource == field_map.name:
        itself = key.reference.model_copy(update={"resource": ""})
        key = key.model_copy(update={"reference": itself})
    return Violation(Rule.FOREIGN_KEY, key=key.fields, foreign_key=key)


def _required_columns(key: ForeignKey) -> tuple[str, ...]:
    """Return the columns that a key needs in the rows that it refers to."""
    return (*key.reference.fields, *(name for name, _ in key.alumniq.where))
