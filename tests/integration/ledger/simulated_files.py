"""The files that simulated customers deliver, and what checking them finds."""

from dataclasses import dataclass
from enum import StrEnum

from alumniq_pipelines.core.feeds.field_map import Threshold, Thresholds
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows
from alumniq_pipelines.core.loads.warehouse import Version
from tests.accepted_rows import small_field_map

THRESHOLDS = Thresholds(
    added=Threshold(), changed=Threshold(), removed=Threshold(rows=500, percent=None)
)
FIELD_MAP = small_field_map("members")


class Kind(StrEnum):
    """What is the matter with a file, or with the attempt to read it."""

    GOOD = "good"
    UNUSUAL = "unusual"  # removes too many rows, so it is held
    UNREADABLE = "unreadable"
    AWAY = "away"  # the bucket is
    MISCONFIGURED = "misconfigured"
    CUT_OFF = "cut off"  # the warehouse answers nothing after it has published


@dataclass(frozen=True, slots=True)
class File:
    """What is in the bucket for a table."""

    kind: Kind
    sha256: str
    counts: Counts

    def changes_from(self, live: Version | None) -> Changes | None:
        """Compare it with the live version."""
        if live is None:
            return None
        if live.sha256 == self.sha256:
            return Changes(0, 0, 0, live.rows)
        return Changes(1, 0, 1_000 if self.kind is Kind.UNUSUAL else 0, live.rows)


def held_rows(file: File) -> HeldRows:
    """Return what is stored of a file that is held."""
    return HeldRows(
        digest="beef",
        field_map=FIELD_MAP,
        table="accepted",
        columns=("xid",),
        rows=file.counts.rows_accepted,
        sha256=file.sha256,
        etag="e1",
    )
