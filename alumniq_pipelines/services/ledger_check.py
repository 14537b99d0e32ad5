"""The use case: find what ledger, warehouse and archive disagree about, and reconcile it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.archive import (
    HELD,
    RECEIVED,
    Archive,
    ArchivedFile,
    Receipt,
    held_name,
    job_of_held_rows,
    old_held_name,
    received_name,
)
from alumniq_pipelines.core.loads.ledger_difference import (
    Difference,
    RecordedRun,
    archived_file,
    load_numbers,
    missing_held_rows,
    missing_version,
    missing_versions,
    pending_notifications,
    unfinished_load,
    unknown_load,
    unknown_run,
)
from alumniq_pipelines.core.loads.load import UNDERWAY_STATES, JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Version, Warehouse
from alumniq_pipelines.core.notifications.notification import NotificationState
from alumniq_pipelines.core.notifications.staff import NO_STAFF, Staff
from alumniq_pipelines.services.load_actions import APPROVED_BEFORE, outcome_notices
from alumniq_pipelines.services.reconciliation import NO_RUN
from alumniq_pipelines.services.restored_ledger import record_unknown

MAX_LISTED = 100_000
UNFINISHED_STATES = (*sorted(UNDERWAY_STATES), LoadState.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCheck:
    """Compares a ledger with the warehouse, the archive and the newest runs of Dagster."""

    ledger: Ledger
    warehouse: Warehouse
    archive: Archive
    versions_kept: int
    public_urls: PublicUrls
    staff: Staff = NO_STAFF
    runs: Sequence[RecordedRun] = ()

    def differences(self) -> Sequence[Difference]:
        """Return everything that differs; changes nothing.

        Loads may run meanwhile. So a store that would know too much if it were read later is read
        first: the archive and the recorded versions before the warehouse, that before the loads.
        """
        received = list(self.archive.list_files(RECEIVED))
        recorded = [
            self.ledger.versions.of(target, limit=self.versions_kept)
            for target in self.ledger.versions.targets()
        ]
        stored = self._stored()
        unknown = [
            version for version in _all(stored) if self.ledger.loads.get(version.job_id) is None
        ]
        customers = self._customers()
        unfinished = self._unfinished()
        own = {version.job_id: version for version in _all(stored)}
        published = [load for load in reversed(unfinished) if load.job_id in own]
        underway = {load.job_id for load in published if self._is_publishing(load)}
        lost = [*unknown, *(own[load.job_id] for load in published if load.job_id not in underway)]
        return [
            *self._number_differences(),
            *(self._unknown_load(version, customers) for version in unknown),
            *(
                unfinished_load(load, own[load.job_id], is_publishing=load.job_id in underway)
                for load in published
            ),
            *self._missing_versions(recorded, stored),
            *self._pending_notifications([version.published_at for version in lost]),
            *self._unknown_runs(own),
            *self._archived_files(received, unfinished, own),
            *self._held_rows(load for load in unfinished if load.job_id not in own),
        ]

    def repair(self, actor: str, now: datetime) -> Sequence[str]:
        """Reconcile what can be reconciled from here, and return what was done; safe to repeat."""
        done = []
        ledger, highest = self.ledger, self.warehouse.highest_number()
        if ledger.numbers.lift(highest):
            ledger.audit.add(actor, "load numbers lifted", "loads", now, detail={"to": highest})
            done.append(f"New loads get numbers above {highest:,}.")
        stored, customers = self._stored(), self._customers()
        for target, versions in stored.items():
            if target.customer in customers:
                done += [
                    f"Recorded version {version.number} of {target}."
                    for version in record_unknown(ledger, versions, now)
                ]
        own = {version.job_id: version for version in _all(stored)}
        for load in reversed(self._unfinished()):
            version = own.get(load.job_id)
            if version is not None and self._end_as_published(load, version, actor, now):
                done.append(f"Ended the load {load.job_id} as published.")
        return done

    def _end_as_published(self, load: Load, version: Version, actor: str, now: datetime) -> bool:
        """End a load whose version is in the warehouse, without counts; False if its run will."""
        ledger = self.ledger
        if load.state is LoadState.HELD:
            if not ledger.holds.approve(load.job_id, actor, APPROVED_BEFORE, now):
                return False
            load = ledger.loads.get(load.job_id) or load
        begun = ledger.attempts.begin(load, NO_RUN, now, launch=load.launch)
        if begun is None:
            return False
        receipt = Receipt(version.sha256, version.etag)
        closed = replace(begun, result=AttemptResult.PUBLISHED, ended_at=now)
        outcome = Outcome(LoadState.SUCCEEDED)
        notices = outcome_notices(ledger, load, outcome, self.public_urls, [closed], self.staff)
        return ledger.attempts.complete(
            load.job_id,
            begun.number,
            AttemptResult.PUBLISHED,
            outcome,
            notices,
            now,
            receipt=receipt,
            version=version,
        )

    def _stored(self) -> Mapping[Target, Sequence[Version]]:
        return {target: self.warehouse.versions(target) for target in self.warehouse.targets()}

    def _unfinished(self) -> Sequence[Load]:
        return self.ledger.loads.find(states=UNFINISHED_STATES, limit=MAX_LISTED)

    def _customers(self) -> Collection[str]:
        return {customer.id for customer in self.ledger.customers.all()}

    def _number_differences(self) -> Iterator[Difference]:
        highest, last = self.warehouse.highest_number(), self.ledger.numbers.last()
        if last < highest:
            yield load_numbers(last, highest)

    def _unknown_load(self, version: Version, customers: Collection[str]) -> Difference:
        return unknown_load(
            version,
            is_recorded=self.ledger.versions.has(version),
            has_customer=version.target.customer in customers,
        )

    def _is_publishing(self, load: Load) -> bool:
        attempts = self.ledger.attempts.of(load.job_id)
        return bool(attempts) and attempts[-1].is_publishing

    def _missing_versions(
        self,
        recorded: Sequence[Sequence[Version]],
        stored: Mapping[Target, Sequence[Version]],
    ) -> Iterator[Difference]:
        for versions in recorded:
            target = versions[0].target
            found = stored.get(target, ())
            for version in missing_versions(versions, found, self.warehouse.live(target)):
                newest = max((other.number for other in found), default=0)
                yield missing_version(version, is_newest=newest < version.number)

    def _pending_notifications(self, lost_at: Sequence[datetime]) -> Iterator[Difference]:
        if not lost_at:
            return
        pending = self.ledger.notifications.find(
            states=[NotificationState.PENDING], limit=MAX_LISTED
        )
        older = [found for found in pending if found.created_at < max(lost_at)]
        if older:
            yield pending_notifications(len(older), max(lost_at))

    def _unknown_runs(self, published: Collection[JobId]) -> Iterator[Difference]:
        found = {run.job_id: run for run in self.runs if run.job_id not in published}
        for job_id, run in found.items():
            if self.ledger.loads.get(job_id) is None:
                yield unknown_run(run)

    def _archived_files(
        self,
        received: Sequence[ArchivedFile],
        unfinished: Sequence[Load],
        published: Mapping[JobId, Version],
    ) -> Iterator[Difference]:
        read = self.ledger.attempts.files_read()
        read |= {version.sha256 for version in published.values()}
        # An attempt archives its file before it records that it has read it.
        started = [load.started_at for load in unfinished if load.state is LoadState.RUNNING]
        recording_since = min((start for start in started if start), default=None)
        names = {received_name(sha256) for sha256 in read}
        for file in received:
            is_recorded = recording_since is None or file.stored_at < recording_since
            if file.name not in names and is_recorded:
                yield archived_file(file)

    def _held_rows(self, unfinished: Iterable[Load]) -> Iterator[Difference]:
        """Compare holds with their rows in the archive, which are deleted with the hold."""
        held = list(self.archive.list_files(HELD))
        for file in held:
            if self.ledger.loads.get(job_of_held_rows(file.name)) is None:
                yield archived_file(file)
        names = {file.name for file in held}
        for load in unfinished:
            hold = self.ledger.holds.get(load.job_id)
            if load.state is not LoadState.HELD or hold is None or hold.decision is not None:
                continue
            own = {held_name(load.job_id, hold.held.digest), old_held_name(load.job_id)}
            if not own & names:
                yield missing_held_rows(load)


def _all(stored: Mapping[Target, Sequence[Version]]) -> Sequence[Version]:
    return [version for versions in stored.values() for version in versions]
