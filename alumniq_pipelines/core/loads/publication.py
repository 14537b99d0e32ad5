"""What becomes of a checked file: it is published, held for a person, or neither."""

from dataclasses import dataclass

from alumniq_pipelines.core.feeds.field_map import Thresholds
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.diff import Changes, find_hold_reasons
from alumniq_pipelines.core.loads.warehouse import Version


@dataclass(frozen=True, slots=True)
class PublishRows:
    """The accepted rows become the next version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRows:
    """The accepted rows are stored until a person approves or discards them."""

    changes: Changes
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepLive:
    """There is nothing new to publish: the live version has the same rows, from the same bytes."""

    live: Version
    changes: Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlyReport:
    """A dry run publishes nothing; a load of the file would be held for these reasons, if any."""

    hold_reasons: tuple[str, ...]


PublicationDecision = PublishRows | HoldRows | KeepLive | OnlyReport


def is_publishable(counts: Counts, max_rejected: int) -> bool:
    """Return whether a file has rows left to publish, and not too many that are rejected."""
    return counts.rows_accepted > 0 and counts.rows_rejected <= max_rejected


def decide(
    *,
    sha256: str,
    live: Version | None,
    changes: Changes | None,
    thresholds: Thresholds,
    is_dry_run: bool,
) -> PublicationDecision:
    """Decide on a publishable file by its digest and by what it would change in the live version.

    `live` and `changes` are None on a first load, which is never held.
    """
    reasons = find_hold_reasons(changes, thresholds)
    if is_dry_run:
        return OnlyReport(hold_reasons=reasons)
    if live is None or changes is None:
        return PublishRows()
    if changes.is_empty and live.sha256 == sha256:
        return KeepLive(live=live, changes=changes)
    return HoldRows(changes=changes, reasons=reasons) if reasons else PublishRows()
