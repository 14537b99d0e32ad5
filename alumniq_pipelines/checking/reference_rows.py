"""Partners: the rows of other feeds that foreign keys refer to, as judging a file sees them."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alumniq_pipelines.checking.rules import rows_not_available_note


@dataclass(frozen=True, slots=True)
class ReferencedRows:
    """Rows that may be referred to: a table of a DuckDB file that nobody writes to.

    `note` is for whoever sent the file, if there is something to be told of them.
    """

    database: Path
    table: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class UncheckedReference:
    """Why nothing can be held against a feed's rows; `note` says it to whoever sent the file."""

    note: str


class ReferenceSources(Protocol):
    """Where the rows of other feeds are found."""

    def rows_of(self, feed: str, columns: Collection[str]) -> ReferencedRows | UncheckedReference:
        """Answer a feed's rows with those of the columns that it has; others may be left out."""
        ...


@dataclass(frozen=True, slots=True)
class NoReferenceSources:
    """Nothing is known of any other feed: a file is judged by itself."""

    def rows_of(self, feed: str, columns: Collection[str]) -> ReferencedRows | UncheckedReference:
        """Say so."""
        del columns
        return UncheckedReference(rows_not_available_note(feed))


NO_REFERENCE_SOURCES = NoReferenceSources()
