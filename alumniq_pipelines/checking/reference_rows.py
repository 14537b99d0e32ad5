"""The rows of other feeds that foreign keys refer to, as the check of a file sees them."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alumniq_pipelines.checking.rules import rows_not_available_note


@dataclass(frozen=True, slots=True)
class ReferencedRows:
    """Rows that may be referred to: a table of a DuckDB file that nobody writes to.

    `note` is for the sender of the file, empty if these rows need none.
    """

    database: Path
    table: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class UncheckedReference:
    """References to a feed cannot be checked; `note` explains why to the sender of the file."""

    note: str


class ReferenceSources(Protocol):
    """Where the rows of other feeds come from."""

    def rows_of(self, feed: str, columns: Collection[str]) -> ReferencedRows | UncheckedReference:
        """Return a feed's rows with at least those of `columns` that it has."""
        ...


@dataclass(frozen=True, slots=True)
class NoReferenceSources:
    """No rows of other feeds: a file is checked by itself."""

    def rows_of(self, feed: str, columns: Collection[str]) -> ReferencedRows | UncheckedReference:
        """Return the note that the rows are not available."""
        del columns
        return UncheckedReference(rows_not_available_note(feed))


NO_REFERENCE_SOURCES = NoReferenceSources()
