"""What must hold of all loads at any time, whatever has happened."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.tables import notifications
from alumniq_pipelines.core.loads.load import (
    MAX_ATTEMPTS,
    OUTSTANDING_STATES,
    JobId,
    Load,
    LoadState,
)
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult, tries
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.notifications.notification import Channel
from tests.integration.ledger.simulated_files import File
from tests.integration.ledger.simulation import Simulation

WITHOUT_A_VERSION = {AttemptResult.UNCHANGED, AttemptResult.SUPERSEDED, AttemptResult.CHECKED}
"""How attempts succeed that publish nothing of their own."""


@dataclass
class Invariants:
    """Checks a system; `delivered` are all files that were in a bucket, by digest.

    `loads` are all loads as they were at the last check.
    """

    system: Simulation
    delivered: dict[str, File] = field(default_factory=dict)
    canceled: set[JobId] = field(default_factory=set)
    loads: list[Load] = field(default_factory=list)
    _attempts: Mapping[JobId, Sequence[AttemptRecord]] = field(default_factory=dict)
    _ended: dict[JobId, Load] = field(default_factory=dict)

    def check(self) -> None:
        """Check all of them, on the loads as they are now."""
        self.loads = self.system.loads()
        self._attempts = self.system.ledger.attempts.of_each([load.job_id for load in self.loads])
        self.an_outcome_never_changes_and_is_notified_once()
        self.one_load_of_a_table_is_outstanding_and_one_attempt_of_it_is_open()
        self.what_has_ever_been_live_belongs_to_no_load_that_failed()
        self.versions_go_live_in_order_of_acceptance()
        self.what_is_reported_of_a_published_load_is_what_it_published()

    def an_outcome_never_changes_and_is_notified_once(self) -> None:
        """Compare each ended load with what it was when it had just ended."""
        is_callback = notifications.c.channel == Channel.CALLBACK
        bodies: dict[JobId, list[str]] = defaultdict(list)
        with self.system.ledger.database.reading() as connection:
            for row in connection.execute(select(notifications).where(is_callback)):
                bodies[row.job_id].append(row.body)
        for load in self.loads:
            is_notified = load.is_final and bool(load.request.notify_webhook)
            assert len(bodies[load.job_id]) == is_notified
            status = "SUCCESS" if load.state is LoadState.SUCCEEDED else "FAILED"
            assert all(json.loads(body)["status"] == status for body in bodies[load.job_id])
            if load.is_final:
                known = self._ended.setdefault(load.job_id, load)
                assert _outcome(load) == _outcome(known)

    def one_load_of_a_table_is_outstanding_and_one_attempt_of_it_is_open(self) -> None:
        """Count them."""
        outstanding = [load.target for load in self.loads if load.state in OUTSTANDING_STATES]
        assert len(outstanding) == len(set(outstanding))
        for load in self.loads:
            attempts = self._attempts[load.job_id]
            still_open = [attempt.number for attempt in attempts if attempt.result is None]
            assert still_open in ([], [len(attempts)])
            assert not still_open or load.state is LoadState.RUNNING
            assert len(tries(attempts)) <= MAX_ATTEMPTS

    def what_has_ever_been_live_belongs_to_no_load_that_failed(self) -> None:
        """Look at every version."""
        loads = {load.number: load for load in self.loads}
        for version, _ in self.system.warehouse.moves:
            load = loads[version.number]
            assert load.state is not LoadState.FAILED, f"{load.errors}"
            assert not load.request.dry_run
            assert load.job_id not in self.canceled

    def versions_go_live_in_order_of_acceptance(self) -> None:
        """No attempt moves a pointer back or undoes a rollback; only approved loads come late."""
        newest: dict[Target, int] = defaultdict(int)
        published: set[int] = set()
        for version, attempt in self.system.warehouse.moves:
            if attempt is None:  # a rollback
                continue
            assert version.number not in published
            published.add(version.number)
            is_late = version.number < newest[version.target]
            assert not is_late or self.system.ledger.holds.get(version.job_id) is not None
            newest[version.target] = max(version.number, newest[version.target])

    def what_is_reported_of_a_published_load_is_what_it_published(self) -> None:
        """Compare the counts of outcomes with those of the files that were published."""
        published = {version.number: version for version, _ in self.system.warehouse.moves}
        loads = [load for load in self.loads if load.is_final]
        for load in loads:
            results = [attempt.result for attempt in self._attempts[load.job_id]]
            version = published.get(load.number)
            if load.state is LoadState.FAILED:
                assert AttemptResult.PUBLISHED not in results
            elif version is not None:
                assert load.counts == self.delivered[version.sha256].counts
                recorded = self.system.ledger.versions.of(load.target, limit=1_000)
                assert load.number in {known.number for known in recorded}
            else:
                assert results[-1] in WITHOUT_A_VERSION


def _outcome(load: Load) -> object:
    return load.state, load.errors, load.counts, load.changes, load.warnings, load.ended_at
