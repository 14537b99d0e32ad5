"""The evidence of a storm: loads, attempts, holds and versions as the ledger has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from alumniq_pipelines.core.loads.hold import Hold
from alumniq_pipelines.core.loads.load import JobId, Load, Origin
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Version
from tests.chaos.storm import ALL, Storm, targets_of


@dataclass(frozen=True)
class Evidence:
    """What is on record; loads are in order of acceptance, versions in that of their numbers."""

    storm: Storm
    loads: list[Load]
    attempts: dict[JobId, Sequence[AttemptRecord]]
    holds: dict[JobId, Hold]
    versions: dict[Target, list[Version]]

    @cached_property
    def by_id(self) -> dict[JobId, Load]:
        """The loads by job id."""
        return {load.job_id: load for load in self.loads}

    def results(self, load: Load) -> list[AttemptResult | None]:
        """Return the results of a load's attempts."""
        return [attempt.result for attempt in self.attempts[load.job_id]]

    def is_superseded(self, load: Load) -> bool:
        """Whether a load published nothing because a later one was live."""
        return self.results(load)[-1:] == [AttemptResult.SUPERSEDED]

    def is_in_line(self, load: Load) -> bool:
        """Whether nobody but its customer acted on a load: no hold, cancellation or hand."""
        return (
            load.request.origin is Origin.WEBHOOK
            and load.job_id not in self.holds
            and load.job_id not in self.storm.strikes.canceled
        )

    def describe(self, load: Load) -> str:
        """Return a load in brief, for a breach."""
        request, results = load.request, [str(result) for result in self.results(load)]
        kind = f"{request.origin}{' dry run' if request.dry_run else ''}"
        return (
            f"load {load.number} ({load.job_id}, {load.target}, {request.filename}, {kind}) is "
            f"{load.state} after {results}, errors {list(load.errors)}"
        )


def gather_evidence(storm: Storm) -> Evidence:
    """Read everything from the ledger."""
    ledger, loads = storm.system.ledger, storm.loads()
    holds = {load.job_id: ledger.holds.get(load.job_id) for load in loads}
    return Evidence(
        storm=storm,
        loads=loads,
        attempts={load.job_id: ledger.loads.attempts(load.job_id) for load in loads},
        holds={job_id: hold for job_id, hold in holds.items() if hold},
        versions={
            target: sorted(ledger.versions.of(target, ALL), key=lambda version: version.number)
            for target in targets_of(loads)
        },
    )
