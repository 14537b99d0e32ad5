"""The baseline of a target: what its versions had at best within 30 days.

A file that loses a little every night is never far from the version of the day before. It is far
from the best of the last 30 days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.losses import BestFill, Fill, Period
from alumniq_pipelines.core.loads.version_profile import Profile

BASELINE_PERIOD = timedelta(days=30)
MAX_VERSIONS = 400
"""The newest ones are enough: a table that is loaded more often than hourly has more in 30 days."""

ROLLBACK = "version.rollback"
"""The action of a rollback in the audit trail: the target is its subject, the version its `to`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastVersion:
    """A version that was published; `is_approved` if a person approved it after it was held.

    One that was published by a release without profiles has none.
    """

    number: int
    published_at: datetime
    rows: int
    profile: Profile | None = None
    is_approved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """A rollback to a version, by its number."""

    to: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Baseline:
    """The versions that a load is compared with, beside the live one; the newest come first.

    `period` says which ones they are.
    """

    versions: tuple[PastVersion, ...] = ()
    period: Period = Period.DAYS

    @classmethod
    def since_accepted(
        cls,
        versions: Sequence[PastVersion],
        rollback: Rollback | None,
        period: Period = Period.DAYS,
    ) -> Self:
        """Return the baseline of a period's versions, newest first, and of its last rollback.

        It starts anew with what a person has accepted last: by approving a held load, or by rolling
        back. What was published before, or was taken back, is no measure any more.
        """
        approved = next((version for version in versions if version.is_approved), None)
        if rollback and (approved is None or approved.published_at < rollback.at):
            return cls(
                tuple(
                    version
                    for version in versions
                    if version.number == rollback.to or version.published_at > rollback.at
                ),
                Period.ROLLBACK,
            )
        if approved is None:
            return cls(tuple(versions), period)
        accepted = (version for version in versions if version.number >= approved.number)
        return cls(tuple(accepted), Period.APPROVAL)

    def profile_of(self, number: int) -> Profile | None:
        """Return the profile of a version; None if it is not known."""
        found = (version.profile for version in self.versions if version.number == number)
        return next(found, None)

    def most_rows(self) -> PastVersion | None:
        """Return the version with the most rows, of several the newest."""
        return max(self.versions, key=lambda version: version.rows, default=None)

    def fullest(self, field_map: FieldMap) -> Mapping[str, BestFill]:
        """Return how each column was filled where it was filled best, of several the newest.

        The columns and their names are those of `Profile.filled_without_defaults`.
        """
        best: dict[str, BestFill] = {}
        for version in self.versions:
            if version.profile is None:
                continue
            for name, filled in version.profile.filled_without_defaults(field_map).items():
                fill = Fill(filled, version.profile.rows)
                if name not in best or fill.percent > best[name].fill.percent:
                    best[name] = BestFill(fill, version.published_at)
        return best


NO_BASELINE = Baseline()
