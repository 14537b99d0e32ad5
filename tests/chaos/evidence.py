"""The evidence of a storm: loads, attempts, holds and versions as the ledger has them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.hold import Hold
from alumniq_pipelines.core.loads.load import JobId, Load, Origin
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Version
from tests.chaos.sent_files import SentFile
from tests.chaos.storm import ALL, Storm


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is on record, and what the storm has done.

    Loads are in order of acceptance, versions in that of their numbers. `accepted` are the job ids
    that customers received, `canceled` those of loads whose cancellation was confirmed, `rollbacks`
    the times of the last rollback of tables.
    """

    loads: list[Load]
    attempts: Mapping[JobId, Sequence[AttemptRecord]]
    holds: dict[JobId, Hold]
    versions: dict[Target, list[Version]]
    sent: dict[str, SentFile]
    accepted: Collection[str]
    canceled: Collection[str] = ()
    rollbacks: Mapping[Target, float] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> dict[JobId, Load]:
        """The loads by job id."""
        return {load.job_id: load for load in self.loads}

    @cached_property
    def tables(self) -> dict[Target, list[Load]]:
        """The loads by table, in order of acceptance."""
        found: dict[Target, list[Load]] = {}
        for load in self.loads:
            found.setdefault(load.target, []).append(load)
        return found

    def file_of(self, load: Load) -> SentFile:
        """Return the file that a load was to read."""
        return self.sent[load.request.filename]

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
            and load.job_id not in self.canceled
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
    known = read_evidence(
        storm.system.ledger, storm.system.targets, storm.sent, storm.accepted.keys()
    )
    return replace(known, canceled=storm.strikes.canceled, rollbacks=storm.strikes.rollbacks)


def read_evidence(
    ledger: Ledger,
    targets: Collection[Target],
    sent: dict[str, SentFile],
    accepted: Collection[str],
) -> Evidence:
    """Read from a ledger what it has of the loads of some tables."""
    found = (load for load in ledger.loads.find(limit=ALL) if load.target in targets)
    loads = sorted(found, key=lambda load: load.number)
    holds = {load.job_id: ledger.holds.get(load.job_id) for load in loads}
    return Evidence(
        sent=sent,
        accepted=accepted,
        loads=loads,
        attempts={load.job_id: ledger.attempts.of(load.job_id) for load in loads},
        holds={job_id: hold for job_id, hold in holds.items() if hold},
        versions={
            target: sorted(ledger.versions.of(target, ALL), key=lambda version: version.number)
            for target in targets
        },
    )
