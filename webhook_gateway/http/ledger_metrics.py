"""Metrics that are read from the ledger at every scrape; docs/monitoring.md describes each.

Every gateway shows the same numbers of one ledger. No label names a customer: 2,000 of them with
seven feeds each would be 28,000 series of one metric.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from shutil import disk_usage
from typing import TypeVar

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.metrics import (
    UNDELIVERED_STATES,
    UNFINISHED_STATES,
    EndedAttempt,
    EndedLoad,
    LedgerMetrics,
)
from alumniq_pipelines.adapters.ledger.worker_leases import count_leases
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.load import FINAL_STATES, OUTSTANDING_STATES, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.core.problems.problem import OutageProblem

SECONDS_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 10_800)
"""From a small file's step to the three hours after which a run is stopped."""

COMMIT_LAG = timedelta(seconds=30)
"""What ended is counted so much later: by then its transaction is committed, in any process, and
a worker's clock may be behind by as much."""

FIRST_LOOK_BACK = timedelta(days=2)
"""How far a process that has just started looks for the last success: feeds come every night."""


Name = TypeVar("Name", bound=str)


class LedgerCollector(Collector):
    """Reads the ledger at every scrape; while it is unavailable, only that is known."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], catalog: Catalog) -> None:
        """Start counting with the first scrape."""
        self.metrics, self.clock = LedgerMetrics(ledger.database), clock
        self.ledger = ledger
        self.history = History(self.metrics, catalog)

    def describe(self) -> Sequence[Metric]:
        """Return no names, so that registering does not read the ledger."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the ledger."""
        now = self.clock()
        try:
            found = [*self._queue(now), *self._notifications(now), *self._processes()]
            self.history.read(now)
        except OutageProblem:
            found, is_up = [], 0
        else:
            is_up = 1
        yield GaugeMetricFamily(
            "alumniq_ledger_up", "Whether the ledger could be read (1) or not (0).", value=is_up
        )
        yield from found
        yield from self.history.collect()

    def _queue(self, now: datetime) -> Iterator[Metric]:
        found = self.metrics.unfinished_loads()
        counts = {state: loads.count for state, loads in found.items()}
        waiting = [
            found[state] for state in (LoadState.QUEUED, LoadState.REQUESTED) if state in found
        ]
        outstanding = [found[state] for state in OUTSTANDING_STATES if state in found]
        yield gauge_family(
            "loads", "Loads that have not ended, by state.", "state", UNFINISHED_STATES, counts
        )
        yield GaugeMetricFamily(
            "alumniq_queue_depth",
            "Loads that wait to start: queued or requested.",
            value=sum(loads.count for loads in waiting),
        )
        yield GaugeMetricFamily(
            "alumniq_queue_age_seconds",
            "Time since the oldest load that waits to start was accepted, or approved.",
            value=_age(now, [loads.waiting_since for loads in waiting]),
        )
        yield GaugeMetricFamily(
            "alumniq_outstanding_age_seconds",
            "Time since the run of the oldest outstanding load was requested.",
            value=_age(now, [loads.requested_since for loads in outstanding]),
        )
        yield GaugeMetricFamily(
            "alumniq_failed_launches",
            "Launches that failed in a row, of all loads that are not finished.",
            value=sum(loads.failed_launches for loads in found.values()),
        )

    def _notifications(self, now: datetime) -> Iterator[Metric]:
        due = self.metrics.due_notifications(now)
        yield gauge_family(
            "notifications",
            "Notifications that are not delivered, by state.",
            "state",
            UNDELIVERED_STATES,
            self.metrics.undelivered(),
        )
        yield gauge_family(
            "notifications_due",
            "Notifications that are to be sent now, by channel.",
            "channel",
            Channel,
            {channel: found.count for channel, found in due.items()},
        )
        yield gauge_family(
            "notifications_due_age_seconds",
            "Time since the oldest of them became due, by channel.",
            "channel",
            Channel,
            {channel: _age(now, [found.since]) for channel, found in due.items()},
        )

    def _processes(self) -> Iterator[Metric]:
        incidents = self.metrics.open_incidents()
        yield gauge_family("incidents", "Open incidents by kind.", "kind", Kind, incidents)
        alive, expired = count_leases(self.ledger.database)
        leases = {"alive": alive, "expired": expired}
        yield gauge_family(
            "worker_leases", "Runs at work with a lease in the ledger.", "state", leases, leases
        )
        ticks = self.ledger.ticks.last()
        yield gauge_family(
            "sensor_last_tick_timestamp_seconds",
            "When a sensor of the daemon last ticked without a fault.",
            "sensor",
            ticks,
            {sensor: ticked_at.timestamp() for sensor, ticked_at in ticks.items()},
        )


class History:
    """Counts what has ended since the first scrape, by reading only what ended since the last."""

    def __init__(self, metrics: LedgerMetrics, catalog: Catalog) -> None:
        """Start every series at zero, so that the first increase is seen as one."""
        self.metrics = metrics
        self.until: datetime | None = None
        self.last_delivery_attempt = 0
        self.last_successes: dict[tuple[Environment, str], datetime] = {}
        self._lock = threading.Lock()
        self.loads = Counter(
            "alumniq_loads_ended",
            "Loads that ended, by outcome.",
            ("environment", "feed", "state"),
            registry=None,
        )
        self.load_seconds = Histogram(
            "alumniq_load_seconds",
            "Time from the acceptance of a load to its outcome.",
            ("environment",),
            buckets=SECONDS_BUCKETS,
            registry=None,
        )
        self.attempts = Counter(
            "alumniq_attempts", "Attempts at loads, by result.", ("result",), registry=None
        )
        self.attempt_seconds = Histogram(
            "alumniq_attempt_seconds",
            "Time that an attempt at a load took.",
            buckets=SECONDS_BUCKETS,
            registry=None,
        )
        self.step_seconds = Histogram(
            "alumniq_load_step_seconds",
            "Time that a step of an attempt took.",
            ("step",),
            buckets=SECONDS_BUCKETS,
            registry=None,
        )
        self.deliveries = Counter(
            "alumniq_notification_attempts",
            "Delivery attempts, by channel and result.",
            ("channel", "result"),
            registry=None,
        )
        for environment in Environment:
            self.load_seconds.labels(environment)
            for feed in catalog.feeds:
                for state in sorted(FINAL_STATES):
                    self.loads.labels(environment, feed, state)
        for result in AttemptResult:
            self.attempts.labels(result)
        for channel in Channel:
            for is_delivered in (True, False):
                self.deliveries.labels(channel, _delivery_result(is_delivered=is_delivered))

    def read(self, now: datetime) -> None:
        """Count what has ended since the last call; the first one only remembers where to begin."""
        with self._lock:
            until, newest = now - COMMIT_LAG, self.metrics.last_delivery_attempt()
            if self.until is None:
                self.last_successes |= self.metrics.last_successes(now - FIRST_LOOK_BACK)
                self.until = until
            else:
                # All is read before anything is counted: what fails halfway is read again.
                loads = self.metrics.ended_loads(self.until, until)
                attempts = self.metrics.ended_attempts(self.until, until)
                deliveries = self.metrics.delivery_attempts(self.last_delivery_attempt, newest)
                self._count_loads(loads)
                self._count_attempts(attempts)
                self._count_deliveries(deliveries)
                self.until = max(self.until, until)
            self.last_delivery_attempt = newest

    def collect(self) -> Iterator[Metric]:
        """Yield the counters, the histograms and the times of the last successes."""
        yield from self.loads.collect()
        yield from self.load_seconds.collect()
        yield from self.attempts.collect()
        yield from self.attempt_seconds.collect()
        yield from self.step_seconds.collect()
        yield from self.deliveries.collect()
        family = GaugeMetricFamily(
            "alumniq_last_success_timestamp_seconds",
            "When a load last succeeded, of those within two days before the gateway started.",
            labels=("environment", "feed"),
        )
        for (environment, feed), ended_at in sorted(self.last_successes.items()):
            family.add_metric([environment, feed], ended_at.timestamp())
        yield family

    def _count_loads(self, loads: Sequence[EndedLoad]) -> None:
        for load in loads:
            self.loads.labels(load.environment, load.feed, load.state).inc()
            seconds = (load.ended_at - load.accepted_at).total_seconds()
            self.load_seconds.labels(load.environment).observe(max(0.0, seconds))
            if load.state is LoadState.SUCCEEDED:
                key = load.environment, load.feed
                self.last_successes[key] = max(
                    load.ended_at, self.last_successes.get(key, load.ended_at)
                )

    def _count_attempts(self, attempts: Sequence[EndedAttempt]) -> None:
        for attempt in attempts:
            self.attempts.labels(attempt.result).inc()
            seconds = (attempt.ended_at - attempt.started_at).total_seconds()
            self.attempt_seconds.observe(max(0.0, seconds))
            for step, step_seconds in attempt.seconds.items():
                self.step_seconds.labels(step).observe(step_seconds)

    def _count_deliveries(self, found: Mapping[tuple[Channel, bool], int]) -> None:
        for (channel, is_delivered), count in found.items():
            result = _delivery_result(is_delivered=is_delivered)
            self.deliveries.labels(channel, result).inc(count)


@dataclass(frozen=True, slots=True, eq=False)
class FieldMapGauges(Collector):
    """Counts the feeds of this process by the state of their field map."""

    catalog: Catalog

    def collect(self) -> Iterator[Metric]:
        """Yield the counts."""
        broken, disabled = len(self.catalog.broken), len(self.catalog.disabled)
        good = len(self.catalog.feeds) - (broken - disabled)
        counts = {"good": good, "last-good": broken - disabled, "disabled": disabled}
        yield gauge_family(
            "field_maps", "Feeds by state of their field map.", "state", counts, counts
        )


@dataclass(frozen=True, slots=True, eq=False)
class DiskGauges(Collector):
    """Shows the disk of the data folder of this process."""

    folder: Path

    def collect(self) -> Iterator[Metric]:
        """Yield the sizes; none while the folder does not exist."""
        try:
            usage = disk_usage(self.folder)
        except OSError:
            return
        yield GaugeMetricFamily(
            "alumniq_disk_size_bytes", "Size of the disk of the data folder.", value=usage.total
        )
        yield GaugeMetricFamily(
            "alumniq_disk_free_bytes",
            "Free space on the disk of the data folder.",
            value=usage.free,
        )


def gauge_family(
    name: str, help_text: str, label: str, values: Iterable[Name], counts: Mapping[Name, float]
) -> Metric:
    """Build a metric with a sample for every value, 0 for those without a count."""
    family = GaugeMetricFamily(f"alumniq_{name}", help_text, labels=[label])
    for value in values:
        family.add_metric([str(value)], counts.get(value, 0))
    return family


def _age(now: datetime, times: Iterable[datetime | None]) -> float:
    """Return the seconds since the first of these times; 0 if there is none."""
    first = min((time for time in times if time is not None), default=now)
    return max(0.0, (now - first).total_seconds())


def _delivery_result(*, is_delivered: bool) -> str:
    return "delivered" if is_delivered else "failed"
