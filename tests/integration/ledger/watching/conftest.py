"""An installation that is watched minute by minute: each ledger, and a real folder bucket."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, Origin, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.notifications.notification import DeliveryResult, Notification
from alumniq_pipelines.core.notifications.staff import Staff, mail_recipients
from alumniq_pipelines.services.monitor import run_monitoring
from alumniq_pipelines.settings import REPOSITORY
from tests.strict_catalog import read_catalog

CATALOG = read_catalog(REPOSITORY / "schemas")
DUE = datetime(2026, 3, 5, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NIGHTLY = DeliverySchedule(cron="0 3 * * *")
SENT = DeliveryResult(delivered=True, detail="250")
GONE = DeliveryResult(delivered=False, detail="410", permanent=True)


@dataclass
class Installation:
    """One installation, whose clock is turned by hand."""

    ledger: Ledger
    buckets: FolderBuckets
    now: datetime = DUE - 24 * HOUR
    staff: Staff = field(default_factory=lambda: Staff(mail_recipients(("ops@example.org",))))

    def at(self, now: datetime) -> Sequence[Notification]:
        """Run monitoring at a time, and return the notices for staff that it enqueued."""
        self.now = now
        run_monitoring(self.ledger, self.buckets, CATALOG, self.staff, now)
        pending = self.ledger.notifications.claim(now, MINUTE)
        for notification in pending:
            self.ledger.notifications.record(notification, SENT, now)
        return [notification for notification in pending if notification.incident_id is not None]

    def subjects(self, now: datetime) -> list[str]:
        """Return the subjects of the notices for staff at a time."""
        return [notification.notice.subject for notification in self.at(now)]

    def deliver(self, target: Target, now: datetime, name: str | None = None) -> None:
        """Put a file into a customer's bucket."""
        folder = self.buckets.open(target.customer).root / target.environment / "warehouse"
        path = folder / (name or f"{target.feed}.csv")
        path.write_text("x\n", encoding="utf-8")
        os.utime(path, (now.timestamp(), now.timestamp()))

    def accept(self, target: Target, now: datetime, origin: Origin = Origin.WEBHOOK) -> Load:
        """Accept a load."""
        request = LoadRequest(new_job_id(), target, f"{target.feed}.csv", None, None, origin=origin)
        return self.ledger.loads.accept(request, now)

    def end(self, load: Load, now: datetime, state: LoadState = LoadState.SUCCEEDED) -> None:
        """End a load with its outcome."""
        self.ledger.loads.end(load.job_id, Outcome(state), [], now)

    def run(self, load: Load, now: datetime) -> None:
        """Begin an attempt."""
        self.ledger.attempts.begin(load, f"run-{load.number}", now)

    def kinds(self) -> list[Kind]:
        """Return the kinds of the open incidents."""
        return [incident.condition.kind for incident in self.ledger.incidents.list_open()]


def targets_of(customers: int, feeds: int) -> list[Target]:
    return [
        Target(f"iqu{number}", Environment.PRODUCTION, feed)
        for number in range(customers)
        for feed in list(CATALOG.feeds)[:feeds]
    ]


@pytest.fixture
def installation(ledger: Ledger, tmp_path: Path) -> Installation:
    """Watch nothing yet."""
    (tmp_path / "buckets").mkdir()
    return Installation(ledger, FolderBuckets(tmp_path / "buckets", settle_seconds=0))


def watch(installation: Installation, targets: Sequence[Target]) -> None:
    """Watch targets whose last file arrived on time the night before."""
    arrival = DUE - 24 * HOUR
    for target in targets:
        if all(known.id != target.customer for known in installation.ledger.customers.all()):
            customer = Customer(target.customer, "A university", target.customer)
            installation.ledger.customers.add(customer, arrival)
            installation.buckets.create(target.customer)
        installation.ledger.watches.set(Watch(target, NIGHTLY, arrival - HOUR), arrival)
        installation.deliver(target, arrival - MINUTE)
        installation.end(installation.accept(target, arrival), arrival)


@pytest.fixture
def target(installation: Installation) -> Target:
    """Watch one target."""
    (only,) = targets_of(1, 1)
    watch(installation, [only])
    return only
