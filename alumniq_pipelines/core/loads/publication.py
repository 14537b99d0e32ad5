"""What becomes of a checked file: it is published, held for a person, or neither."""

from collections.abc import Sequence
from dataclasses import dataclass

from alumniq_pipelines.core.feeds.field_map import FieldMap, Thresholds
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.diff import Changes, find_hold_reasons, override_thresholds
from alumniq_pipelines.core.loads.losses import NO_LOSSES, Losses
from alumniq_pipelines.core.loads.warehouse import Version

NOTHING_NEW = "Nothing new: the file is identical to the live version, so a load changes nothing."
"""What is said of a file for which the decision on a load is KeepLive, where it is not loaded."""


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


PublicationDecision = PublishRows | HoldRows | KeepLive
"""What becomes of the rows of a load; a dry run and `alumniq check` only report it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTerms:
    """What a target allows: how many rejected rows, and how much change without approval."""

    max_rejected: int
    thresholds: Thresholds


def terms_of(field_map: FieldMap, subscription: Subscription | None) -> LoadTerms:
    """Return the terms of a target: the field map's, unless its subscription has its own."""
    rules = field_map.alumniq
    if subscription is None:
        return LoadTerms(max_rejected=rules.max_rejected, thresholds=rules.thresholds)
    own = subscription.max_rejected
    return LoadTerms(
        max_rejected=rules.max_rejected if own is None else own,
        thresholds=override_thresholds(
            rules.thresholds, subscription.thresholds, subscription.fill, subscription.fill_of
        ),
    )


def is_publishable(counts: Counts, max_rejected: int) -> bool:
    """Return whether a file has rows left to publish, and not too many that are rejected."""
    return counts.rows_accepted > 0 and counts.rows_rejected <= max_rejected


def decide(
    *,
    sha256: str,
    live: Version | None,
    changes: Changes | None,
    thresholds: Thresholds,
    losses: Losses = NO_LOSSES,
    hints: Sequence[str] = (),
) -> PublicationDecision:
    """Decide on a publishable file by its digest, and by what it would change and lose.

    `live` and `changes` are None on a first load, which is never held. `hints` hold nothing by
    themselves; where something else does, they may be the cause, and are among the reasons.
    """
    if live is None or changes is None:
        return PublishRows()
    if changes.is_empty and live.sha256 == sha256:
        return KeepLive(live=live, changes=changes)
    reasons = find_hold_reasons(changes, thresholds, losses)
    return HoldRows(changes=changes, reasons=(*reasons, *hints)) if reasons else PublishRows()
