"""Missed deliveries, freshness and heartbeats in Dagster, one tick at a time."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.core.problems.delivery import explain_call
from alumniq_pipelines.definitions import build_definitions
from alumniq_pipelines.settings import Settings
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation
from tests.servers import receiver as behaviour
from tests.servers.receiver import Receiver

HOURLY = DeliverySchedule(period=timedelta(hours=1), grace=timedelta())
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
HEARTBEAT = "https://hc-ping.com/abc"


@dataclass
class Sensor:
    """A sensor, and the cursor that the daemon would store for it."""

    installation: Installation
    name: str
    cursor: str | None = None

    def tick(self) -> dg.SensorResult:
        """Evaluate it once, as the daemon does, and store its cursor and events."""
        repository = self.installation.definitions.get_repository_def()
        with dg.build_sensor_context(
            self.installation.instance,
            cursor=self.cursor,
            repository_def=repository,
            resources={
                "ledger": self.installation.ledger,
                "buckets": self.installation.buckets,
            },
            sensor_name=self.name,
        ) as context:
            found = repository.get_sensor_def(self.name)(context)
        if isinstance(found, dg.SkipReason):
            return dg.SensorResult(skip_reason=found)
        assert isinstance(found, dg.SensorResult)
        self.cursor = found.cursor
        for event in found.asset_events:
            self.installation.instance.report_runless_asset_event(event)
        return found


@pytest.fixture
def missed_delivery_sensor(installation: Installation) -> Sensor:
    """The monitoring sensor of an installation whose one target has a missed delivery."""
    watch = Watch(TARGET, HOURLY, LONG_AGO, heartbeat_url=HEARTBEAT)
    installation.ledger.watches.set(watch, LONG_AGO)
    return Sensor(installation, "silence")


def staff_mail(installation: Installation) -> list[str]:
    notifications = installation.ledger.notifications.claim(datetime.now(UTC), timedelta(hours=1))
    return [
        notification.notice.subject
        for notification in notifications
        if notification.notice.channel is Channel.MAIL
    ]


def with_heartbeat(installation: Installation, url: str) -> Sensor:
    changed = installation.settings.model_dump() | {"heartbeat_url": url}
    definitions = build_definitions(Settings(**changed))
    return Sensor(replace(installation, definitions=definitions), "heartbeat")


def test_a_missed_delivery_is_notified_once_and_shown_on_the_asset_until_it_is_over(
    installation: Installation, missed_delivery_sensor: Sensor
) -> None:
    (shown,) = missed_delivery_sensor.tick().asset_events
    assert isinstance(shown, dg.AssetCheckEvaluation)
    assert (shown.asset_key.path[-1], shown.check_name) == ("warehouse_lookups", "freshness")
    assert not shown.passed
    assert shown.description == "Missed deliveries: iqu.production."
    subject = "warehouse-lookups (iqu, production)"
    assert staff_mail(installation) == [f"Staff: No file arrived: {subject}"]
    again = missed_delivery_sensor.tick()
    assert again.asset_events == []
    assert staff_mail(installation) == []
    load = installation.accept()
    installation.ledger.loads.end(load.job_id, Outcome(LoadState.SUCCEEDED), [], datetime.now(UTC))
    (shown,) = missed_delivery_sensor.tick().asset_events
    assert isinstance(shown, dg.AssetCheckEvaluation)
    assert shown.passed
    assert staff_mail(installation) == [f"Staff: Resolved: No file arrived: {subject}"]


def test_a_freshness_check_can_be_run_by_hand(
    installation: Installation, missed_delivery_sensor: Sensor
) -> None:
    del missed_delivery_sensor
    check = dg.AssetCheckKey(dg.AssetKey(["feeds", "warehouse_lookups"]), "freshness")
    job = dg.define_asset_job("check", selection=dg.AssetSelection.checks(check))
    definitions = dg.Definitions.merge(installation.definitions, dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("check").execute_in_process(instance=installation.instance)
    (check_result,) = result.get_asset_check_evaluations()
    assert not check_result.passed
    assert check_result.metadata["missed"].value == 1


def test_a_load_does_not_wait_for_the_check_of_freshness(installation: Installation) -> None:
    job = installation.definitions.resolve_job_def("load_warehouse_lookups")
    assert [node.name for node in job.nodes] == ["feeds__warehouse_lookups"]


def test_without_watches_there_is_nothing_to_report(installation: Installation) -> None:
    found = Sensor(installation, "silence").tick()
    assert found.asset_events == []
    assert found.skip_reason
    assert found.skip_reason.skip_message == (
        "0 watches; incidents: 0 opened, 0 notified, 0 closed."
    )


def test_a_dead_mans_switch_elsewhere_hears_of_the_start_and_end_of_a_load(
    installation: Installation, missed_delivery_sensor: Sensor
) -> None:
    del missed_delivery_sensor
    installation.put(HEADER + ROWS)
    load = installation.accept()
    assert installation.execute(load).success
    installation.reconcile()
    notifications = installation.ledger.notifications.of(load.job_id)
    beats = {
        notification.notice.destination
        for notification in notifications
        if notification.notice.channel is Channel.HEARTBEAT
    }
    assert beats == {HEARTBEAT, f"{HEARTBEAT}/start"}


def test_the_system_beats_while_its_ledger_answers_and_says_so_when_it_does_not(
    installation: Installation, receiver: Receiver
) -> None:
    sensor = with_heartbeat(installation, f"{receiver.url}/ping/system")
    sensor.tick()
    installation.ledger.close()
    path = installation.ledger.database.path
    assert path
    path.rename(path.with_suffix(".away"))
    sensor.tick()
    assert [request.path for request in receiver.received] == ["/ping/system", "/ping/system/fail"]


def test_a_beat_that_is_refused_fails_no_tick(
    installation: Installation, receiver: Receiver
) -> None:
    receiver.answers.append(behaviour.status(500))
    found = with_heartbeat(installation, receiver.url).tick()
    assert found.skip_reason
    assert found.skip_reason.skip_message == f"success: {explain_call('HTTP 500')}"


def test_without_a_url_nothing_beats(installation: Installation) -> None:
    found = Sensor(installation, "heartbeat").tick()
    assert found.skip_reason
    assert found.skip_reason.skip_message == "ALUMNIQ_HEARTBEAT_URL is not set."
