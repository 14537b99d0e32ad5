"""Delivery at full size: a thousand notifications, a fifth of them to failing receivers."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.notifications.load_outcome import notices_for
from alumniq_pipelines.services.delivery import deliver_due
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import ensure_signing_key, open_notifiers
from tests.servers import receiver as behaviour
from tests.servers.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TARGET = Target("iqu", Environment.QA, "warehouse")
FAILED = Outcome(LoadState.FAILED, ("Error message 1",))
PATHS = ("/slow", "/failing", *["/healthy"] * 8)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, callback_allowed_networks=("127.0.0.0/8",))


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    """One customer, whose callbacks are signed."""
    now = datetime.now(UTC)
    with closing(Ledger.open(settings.ledger)) as opened:
        opened.migrate()
        opened.customers.add(Customer("iqu", "IQ University", "iqu"), now)
        ensure_signing_key(settings)
        opened.signing.rotate("iqu", now)
        yield opened


def enqueue(ledger: Ledger, url: str) -> None:
    now = datetime.now(UTC)
    request = LoadRequest(new_job_id(), TARGET, "warehouse.csv", "e1", 1, notify_webhook=url)
    load = ledger.loads.accept(request, now)
    ledger.loads.end(load.job_id, FAILED, notices_for(load, FAILED), now)


def test_a_thousand_receivers_of_whom_a_fifth_fail_are_each_notified_once(
    ledger: Ledger, settings: Settings, receiver: Receiver
) -> None:
    """`python -m benchmarks.notifications` measures the speed, so a slow machine fails no test."""
    receiver.by_path["/slow"] = behaviour.never_answer
    receiver.by_path["/failing"] = behaviour.status(500)
    for number in range(1_000):
        enqueue(ledger, receiver.url + PATHS[number % len(PATHS)])
    delivered, deadline = 0, time.monotonic() + 240
    while delivered < 800 and time.monotonic() < deadline:
        summary = deliver_due(
            ledger.notifications, open_notifiers(settings, ledger), lambda: datetime.now(UTC)
        )
        delivered += summary.delivered
    healthy = [callback.headers for callback in receiver.received if callback.path == "/healthy"]
    assert delivered == len(healthy) == len({headers["webhook-id"] for headers in healthy}) == 800
    assert all(headers["webhook-signature"].startswith("v1,") for headers in healthy)
