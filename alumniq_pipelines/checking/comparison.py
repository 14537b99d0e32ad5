"""Compare the accepted rows of a checked file with the live version and with its baseline."""

from dataclasses import dataclass, replace

from alumniq_pipelines.checking.check import CheckedFile
from alumniq_pipelines.checking.diff import compare, find_lost_zeros
from alumniq_pipelines.checking.hints import zeros_hint
from alumniq_pipelines.checking.row_profile import read_profile
from alumniq_pipelines.checking.step_timer import StepTimer
from alumniq_pipelines.core.feeds.field_map import Thresholds
from alumniq_pipelines.core.loads.baseline import Baseline
from alumniq_pipelines.core.loads.comparison import find_emptied, find_losses
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.losses import NO_LOSSES, Losses
from alumniq_pipelines.core.loads.publication import PublicationDecision, decide
from alumniq_pipelines.core.loads.version_profile import Profile
from alumniq_pipelines.core.loads.warehouse import LiveRows, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFile:
    """A checked file: the profile of its accepted rows, and how they differ from what is live.

    Where nothing is live, `live` and `changes` are None, and nothing is lost. `hints` suggest what
    probably caused the fault of a whole file: its own, after those that only live rows can give.
    """

    sha256: str
    profile: Profile
    hints: tuple[str, ...]
    live: Version | None = None
    changes: Changes | None = None
    losses: Losses = NO_LOSSES

    def decide(self, thresholds: Thresholds) -> PublicationDecision:
        """Decide what becomes of the accepted rows."""
        return decide(
            sha256=self.sha256,
            live=self.live,
            changes=self.changes,
            losses=self.losses,
            thresholds=thresholds,
            hints=self.hints,
        )


def compare_file(
    file: CheckedFile, live: LiveRows | None, baseline: Baseline, steps: StepTimer
) -> ComparedFile:
    """Compare the accepted rows of a file; call its `accept` first."""
    staging = file.staging
    with steps.step("profile"):
        profile = read_profile(staging, file.structure.rows)
    compared = ComparedFile(
        sha256=file.decoded.sha256, profile=profile, hints=file.check_result.hints
    )
    if live is None:
        return compared
    with steps.step("compare"):
        lost = find_lost_zeros(staging, live)
        hints = tuple(zeros_hint(loss.column, loss.rows, loss.width) for loss in lost)
        changes, filled = compare(staging, live, baseline.profile_of(live.version.number))
    terms = staging.field_map, file.header.sources
    return replace(
        compared,
        hints=(*hints, *compared.hints),
        live=live.version,
        changes=replace(changes, emptied=find_emptied(profile, filled, *terms)),
        losses=find_losses(profile, filled, changes.rows_before, baseline, *terms),
    )
