"""Partners: the rows of other feeds that foreign keys refer to, as judging a file sees them."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from alumniq_pipelines.checking.rules import not_at_hand_note


@dataclass(frozen=True, slots=True)
class PartnerRows:
    """Rows that may be referred to: a table of a DuckDB file that nobody writes to.

    `note` is for whoever sent the file, if there is something to be told of them.
    """

    database: Path
    table: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Why nothing can be held against a feed's rows; `note` says it to whoever sent the file."""

    note: str


class Partners(Protocol):
    """Where the rows of other feeds are found."""

    def rows_of(self, feed: str, columns: Collection[str]) -> PartnerRows | Unchecked:
        """Answer a feed's rows with those of the columns that it has; others may be left out."""
        ...


@dataclass(frozen=True, slots=True)
class NoPartners:
    """Nothing is known of any other feed: a file is judged by itself."""

    def rows_of(self, feed: str, columns: Collection[str]) -> PartnerRows | Unchecked:
        """Say so."""
        del columns
        return Unchecked(not_at_hand_note(feed))


NO_PARTNERS = NoPartners()
