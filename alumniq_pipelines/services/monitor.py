"""The use case: detect missed deliveries and other conditions; open, notify and close incidents.

Harmless to run twice at once: incidents are opened, notified and closed by conditional statements.
Every pass evaluates all conditions again, so it completes what a crash left undone.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.bucket import MAX_LISTED, Buckets, StoredFile, folder_of
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring import conditions
from alumniq_pipelines.core.monitoring.conditions import MissedDelivery
from alumniq_pipelines.core.monitoring.duration import format_duration
from alumniq_pipelines.core.monitoring.incident import (
    NOTIFIED_WITH_OUTCOME,
    Condition,
    Incident,
    Kind,
    Resolution,
)
from alumniq_pipelines.core.monitoring.missed_delivery import (
    common_prefix,
    missed_delivery_condition,
    newest_unrequested_file,
    was_requested,
)
from alumniq_pipelines.core.monitoring.schedule import Expectation, WatchState, expectation
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.notifications.incidents import closed_notices, opened_notices
from alumniq_pipelines.core.notifications.notification import Notice
from alumniq_pipelines.core.notifications.staff import Staff
from alumniq_pipelines.core.problems.outage import BucketUnavailable
from alumniq_pipelines.services.bucket_conditions import bucket_conditions
from alumniq_pipelines.services.delivery_conditions import delivery_conditions

QUEUE_STUCK_AFTER = timedelta(minutes=30)
"""How long loads may wait, while none runs and none changes, before the queue counts as stuck."""
LOAD_STUCK_AFTER = timedelta(hours=4)
"""How long a load may take once a run was requested: dagster.yaml stops a run after three hours."""
FAILED_LAUNCHES = 3
"""Launches of a load that fail in a row before staff are notified."""
CATCH_UP_PERIOD = timedelta(minutes=30)
"""How long loads that piled up in an outage get before a missing outcome is reported."""
RELEVANCE_PERIOD = timedelta(days=14)
"""Failures older than this are history: their incidents are closed without a notification."""
EXAMINE_SECONDS = 10.0
"""How long a pass looks for the causes of missed deliveries, each in a bucket; the next pass, a
minute later, examines the others. Dagster ends a tick after 60 seconds."""

PARENTS = (conditions.BUCKET_KEY, conditions.QUEUE_KEY, conditions.LAUNCHES_KEY)
"""Outages that cause further conditions, which are not reported beside them."""
AGING_KINDS = frozenset({Kind.UNDELIVERED, Kind.ATTEMPTS_EXHAUSTED})
"""Kinds whose queries look back RELEVANCE_PERIOD only: after it, a condition is not found although
nothing was resolved.
"""


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """The current state of a watched target; `last` is when its last published file arrived."""

    watch: Watch
    expectation: Expectation
    last: datetime | None

    @property
    def target(self) -> Target:
        """The watched target."""
        return self.watch.target

    @property
    def missed(self) -> MissedDelivery:
        """The delivery that was expected, for a target whose delivery is missed."""
        return MissedDelivery(
            target=self.target,
            schedule=self.watch.schedule,
            expectation=self.expectation,
            last=self.last,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringSummary:
    """What one pass found and did."""

    statuses: Sequence[WatchStatus]
    opened: int
    notified: int
    closed: int


def run_monitoring(
    ledger: Ledger, buckets: Buckets, catalog: Catalog, staff: Staff, now: datetime
) -> MonitoringSummary:
    """Evaluate all conditions once; raises LedgerUnavailable, but not BucketUnavailable."""
    monitoring_pass = _MonitoringPass(ledger=ledger, buckets=buckets, catalog=catalog, now=now)
    statuses = watch_statuses(ledger, ledger.watches.all(), now)
    monitoring_pass.check_all(statuses)
    opened = ledger.incidents.open_all(monitoring_pass.new_conditions, now)
    notified = monitoring_pass.notify(staff)
    closed = monitoring_pass.close(staff, statuses)
    return MonitoringSummary(
        statuses=statuses, opened=opened, notified=len(notified), closed=len(closed)
    )


def watch_statuses(
    ledger: Ledger, watches: Sequence[Watch], now: datetime
) -> Sequence[WatchStatus]:
    """Return the current state of watches."""
    statuses = []
    customers = {watch.target.customer for watch in watches}
    latest_arrivals = ledger.watches.latest_arrivals(*customers if len(customers) == 1 else ())
    for watch in watches:
        arrivals = latest_arrivals.get(watch.target, ())
        expected = expectation(
            watch.schedule, arrivals, now, since=watch.since, snoozed_until=watch.snoozed_until
        )
        statuses.append(WatchStatus(watch, expected, arrivals[0] if arrivals else None))
    return statuses


@dataclass(kw_only=True)
class _MonitoringPass:
    """One pass: the conditions found, by key, and the keys whose state is unknown.

    A key is unknown while an outage (a parent condition) hides whether its condition holds. An open
    missed delivery keeps the condition it was opened with: its cause is not examined again.
    """

    ledger: Ledger
    buckets: Buckets
    catalog: Catalog
    now: datetime
    found: dict[str, Condition] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    open_incidents: dict[str, Incident] = field(default_factory=dict)

    @property
    def new_conditions(self) -> Sequence[Condition]:
        """The conditions that had no open incident when the pass began."""
        return [
            condition for key, condition in self.found.items() if key not in self.open_incidents
        ]

    def check_all(self, statuses: Sequence[WatchStatus]) -> None:
        self.open_incidents = {
            incident.condition.key: incident for incident in self.ledger.incidents.list_open()
        }
        found, unknown = bucket_conditions(self.buckets, self.open_incidents)
        self.unknown |= unknown
        for condition in found:
            self._add(condition)
        self._add(self._launch_condition())
        self._add(self._queue_condition())
        for broken in self.catalog.broken.values():
            is_disabled = broken.feed in self.catalog.disabled
            self._add(conditions.field_map_broken(broken, is_disabled=is_disabled))
        for load in self.ledger.health.exhausted(self.now - RELEVANCE_PERIOD):
            self._add(conditions.attempts_exhausted(load))
        for condition in delivery_conditions(self.ledger.health, self.now - RELEVANCE_PERIOD):
            self._add(condition)
        is_catching_up = self._is_catching_up()
        missed = [status for status in statuses if status.expectation.state is WatchState.MISSED]
        examined = self._examine(missed, is_catching_up=is_catching_up)
        for status in missed:
            incident = self.open_incidents.get(status.missed.key)
            self._add(incident.condition if incident else examined.get(status.target))
        for condition in self._stuck_loads(is_catching_up=is_catching_up):
            self._add(condition)

    def notify(self, staff: Staff) -> Sequence[Incident]:
        due = [
            incident.id
            for incident in self.ledger.incidents.list_open()
            if incident.condition.key in self.found and incident.is_notification_due(self.now)
        ]

        def compose_notices(notified: Sequence[Incident]) -> Sequence[Notice]:
            to_announce = [
                incident
                for incident in notified
                if incident.condition.kind not in NOTIFIED_WITH_OUTCOME
            ]
            return opened_notices(to_announce, staff)

        return self.ledger.incidents.notify(due, self.now, compose_notices) if due else ()

    def close(self, staff: Staff, statuses: Sequence[WatchStatus]) -> Sequence[Incident]:
        def compose_notices(closed: Sequence[Incident]) -> Sequence[Notice]:
            to_announce = [
                incident
                for incident in closed
                if incident.told_at and incident.resolution is not dropped
            ]
            return closed_notices(to_announce, staff)

        dropped = Resolution.DROPPED
        watched = {status.missed.key: status for status in statuses}
        resolved = [
            incident
            for key, incident in self.open_incidents.items()
            if key not in self.found and key not in self.unknown
        ]
        closed: list[Incident] = []
        for resolution in Resolution:
            ids = [
                incident.id
                for incident in resolved
                if self._resolution(incident, watched) is resolution
            ]
            if ids:
                closed += self.ledger.incidents.close(ids, resolution, self.now, compose_notices)
        return closed

    def _add(self, condition: Condition | None) -> None:
        if condition is not None:
            self.found.setdefault(condition.key, condition)

    def _is_down(self, key: str) -> bool:
        return key in self.found

    def _launch_condition(self) -> Condition | None:
        loads = self.ledger.health.not_starting(FAILED_LAUNCHES)
        return conditions.launches_failing(loads) if loads else None

    def _queue_condition(self) -> Condition | None:
        if self._is_down(conditions.LAUNCHES_KEY):  # then nothing moves for that reason
            self.unknown.add(conditions.QUEUE_KEY)
            return None
        backlog = self.ledger.health.backlog(self.now - QUEUE_STUCK_AFTER, self.catalog.feeds)
        if backlog is None or backlog.running:
            return None
        moved = self.ledger.health.last_activity()
        if moved is not None and moved > self.now - QUEUE_STUCK_AFTER:
            return None
        waited = format_duration(self.now - backlog.first.accepted_at)
        return conditions.queue_stuck(backlog.first, backlog.count, waited)

    def _is_catching_up(self) -> bool:
        """Whether loads without an outcome are normal: an outage lasts, or ended recently."""
        if any(key in self.found or key in self.open_incidents for key in PARENTS):
            return True
        return self.ledger.incidents.closed_since(PARENTS, self.now - CATCH_UP_PERIOD)

    def _examine(
        self, missed: Sequence[WatchStatus], *, is_catching_up: bool
    ) -> Mapping[Target, Condition | None]:
        """Find the causes of missed deliveries without an open incident, as far as time allows."""
        new = [status for status in missed if status.missed.key not in self.open_incidents]
        examined: dict[Target, Condition | None] = {}
        deadline = time.monotonic() + EXAMINE_SECONDS
        # In random order: a bucket that responds slowly must not delay the same others every time.
        for status in random.sample(new, len(new)):
            examined[status.target] = self._missed_delivery(status, is_catching_up=is_catching_up)
            if time.monotonic() > deadline:
                break
        return examined

    def _missed_delivery(self, status: WatchStatus, *, is_catching_up: bool) -> Condition | None:
        missed = status.missed
        last = self.ledger.loads.last_accepted(status.target)
        file = None
        if not was_requested(missed, last):
            if self._is_down(conditions.BUCKET_KEY):
                return None
            try:
                file = self._newest_unrequested_file(status.target, last)
            except BucketUnavailable:  # recorded as a condition of its own; the cause is unknown
                return None
        condition = missed_delivery_condition(missed, last, file)
        if condition and condition.kind is Kind.NO_OUTCOME and is_catching_up:
            return None
        is_reported = conditions.attempts_exhausted_key(status.target) in self.found
        return None if condition and condition.kind is Kind.FAILING and is_reported else condition

    def _newest_unrequested_file(self, target: Target, last: Load | None) -> StoredFile | None:
        """Return the newest file that looks like the target's and that no webhook named."""
        feeds, bucket = self.catalog.feeds, self.ledger.customers.get(target.customer).bucket
        usual = feeds[target.feed].path if target.feed in feeds else f"{target.feed}.csv"
        likely = last.request.filename if last else usual
        folder = folder_of(target.environment)
        try:
            files = self.buckets.open(bucket).list_objects(
                folder + common_prefix(likely), MAX_LISTED
            )
            return newest_unrequested_file(files, folder, likely, last)
        except BucketUnavailable as problem:
            self._add(conditions.customer_bucket_unavailable(bucket, problem))
            raise

    def _stuck_loads(self, *, is_catching_up: bool) -> Iterator[Condition]:
        if is_catching_up:
            self.unknown |= {
                key for key in self.open_incidents if key.startswith(conditions.STUCK_PREFIX)
            }
            return
        before = self.now - LOAD_STUCK_AFTER
        for load, since in self.ledger.health.stuck(before, self.catalog.feeds):
            if conditions.missed_delivery_key(load.target) not in self.found:
                yield conditions.load_stuck(load, format_duration(self.now - since))

    def _resolution(self, incident: Incident, watched: dict[str, WatchStatus]) -> Resolution:
        """Return whether a condition that is gone was resolved, or is no longer monitored."""
        key, opened_at = incident.condition.key, incident.opened_at
        if key.startswith(conditions.MISSED_DELIVERY_PREFIX):
            status = watched.get(key)
            if status is None or status.watch.since > opened_at:
                return Resolution.DROPPED
            is_snoozed = status.expectation.state is WatchState.SNOOZED
            return Resolution.DROPPED if is_snoozed else Resolution.RECOVERED
        is_old = incident.condition.kind in AGING_KINDS and opened_at < self.now - RELEVANCE_PERIOD
        return Resolution.DROPPED if is_old else Resolution.RECOVERED
