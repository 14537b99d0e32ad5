"""Held loads, from the run that holds them to the one that publishes them, with real adapters."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from alumniq_pipelines.adapters.ledger.tables import loads
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.archive import HELD, RECEIVED
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import Decision
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load, LoadState, Origin
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.rejection_report import REPORTS
from alumniq_pipelines.core.problems.holding import LaterLoadPublished, NotHeld, ReasonMissing
from alumniq_pipelines.services import load_actions
from alumniq_pipelines.services.retention import prune
from alumniq_pipelines.wiring import open_archive
from tests.integration.dagster.conftest import HEADER, ROWS, TARGET, Installation

HALF = HEADER + "".join(ROWS.splitlines(keepends=True)[:50])
MONTH = timedelta(days=30)


def now() -> datetime:
    return datetime.now(UTC)


def published(installation: Installation, content: str = HEADER + ROWS) -> Load:
    """Load a file and end the load, as the sensors would."""
    installation.put(content)
    load = installation.accept()
    installation.execute(load)
    return reconciled(installation, load)


def reconciled(installation: Installation, load: Load) -> Load:
    installation.reconcile()
    return installation.again(load)


def live(installation: Installation) -> int:
    warehouse = DuckDBWarehouse(installation.settings.warehouse_dir)
    [(rows,)] = warehouse.query("iqu", "production", "select count(*) from warehouse_lookups")[1]
    assert isinstance(rows, int)
    return rows


def notices_of(installation: Installation, load: Load) -> list[str]:
    """Return the notifications of a load: addresses and the first words of the subjects."""
    notifications = installation.ledger.notifications.of(load.job_id)
    return [
        f"{notification.notice.destination}: {notification.notice.subject.split(': w')[0]}"
        for notification in notifications
    ]


def discard(installation: Installation, load: Load, reason: str) -> None:
    urls = installation.settings.public_urls
    load_actions.discard(installation.ledger, load.job_id, reason, "ada", now(), public_urls=urls)


def decided(installation: Installation, at: datetime) -> list[Decision]:
    """End the holds that are due, as the sensor would, and return the decisions."""
    urls = installation.settings.public_urls
    return [
        decision
        for _, decision in load_actions.end_due_holds(installation.ledger, at, public_urls=urls)
    ]


@pytest.fixture
def held(installation: Installation) -> Load:
    """Publish a hundred rows, then deliver half of them."""
    published(installation)
    return published(installation, HALF)


def test_a_load_that_removes_too_much_is_held_and_its_run_succeeds_with_a_warning(
    installation: Installation,
) -> None:
    published(installation)
    installation.put(HALF)
    load = installation.accept()
    run = installation.execute(load)
    assert run.success
    assert not run.asset_materializations_for_node("feeds__warehouse_lookups")
    [warned] = [
        evaluation for evaluation in run.get_asset_check_evaluations() if not evaluation.passed
    ]
    assert (warned.check_name, warned.severity) == ("changes", dg.AssetCheckSeverity.WARN)
    assert warned.metadata["removed"].value == 50
    found = reconciled(installation, load)
    assert (found.state, found.changes) == (LoadState.HELD, Changes(0, 0, 50, 50))
    assert notices_of(installation, load) == [
        "a@example.org: Awaiting approval",
        "ops@example.org: Staff: Held",
    ]
    assert live(installation) == 100


def test_what_is_approved_is_what_was_held_whatever_lies_in_the_bucket_by_then(
    installation: Installation, held: Load
) -> None:
    installation.put(HEADER + ROWS + BAD)
    load_actions.approve(installation.ledger, held.job_id, "A real cut.", "ada", now())
    run = installation.execute(held)
    [made] = run.asset_materializations_for_node("feeds__warehouse_lookups")
    assert made.metadata["rows removed"].value == 50
    found = reconciled(installation, held)
    assert (found.state, found.changes) == (LoadState.SUCCEEDED, Changes(0, 0, 50, 50))
    assert live(installation) == 50
    assert notices_of(installation, held)[0].startswith("a@example.org: Loaded")
    [version, _] = installation.ledger.versions.of(TARGET)
    assert version.sha256 == hashlib.sha256(HALF.encode()).hexdigest()
    assert version.field_map_sha256


BAD = '"unit","","","",""\n'


def test_approving_gives_five_attempts_of_their_own(installation: Installation, held: Load) -> None:
    load_actions.approve(installation.ledger, held.job_id, "A real cut.", "ada", now())
    archive = installation.settings.archive_dir
    archive.rename(archive.with_name("away"))
    installation.execute(held)
    results = [attempt.result for attempt in installation.ledger.attempts.of(held.job_id)]
    assert results == [AttemptResult.HELD] + [AttemptResult.OUTAGE] * MAX_ATTEMPTS
    found = reconciled(installation, held)
    assert found.state is LoadState.FAILED
    assert "5 times" in found.errors[0]


def test_altered_held_rows_are_not_published(installation: Installation, held: Load) -> None:
    [rows] = (installation.settings.archive_dir / HELD).iterdir()
    rows.write_bytes(rows.read_bytes()[:-1] + b"\1")
    load_actions.approve(installation.ledger, held.job_id, "A real cut.", "ada", now())
    installation.execute(held)
    assert "are missing or damaged" in reconciled(installation, held).errors[1]
    assert live(installation) == 100


def test_a_held_load_waits_whatever_sensor_runs(installation: Installation, held: Load) -> None:
    assert installation.execute(held).success, "Dagster may run it again after a worker died."
    assert reconciled(installation, held).state is LoadState.HELD
    assert not decided(installation, now() + timedelta(days=6))
    assert len(notices_of(installation, held)) == 2


def test_a_held_load_fails_when_its_time_is_over(installation: Installation, held: Load) -> None:
    later = now() + timedelta(days=7, minutes=1)
    [decision] = decided(installation, later)
    assert decision is Decision.EXPIRED
    found = installation.again(held)
    assert found.state is LoadState.FAILED
    assert "was not approved within 7 days" in found.errors[0]
    assert not decided(installation, later)
    with pytest.raises(NotHeld):
        load_actions.approve(installation.ledger, held.job_id, "Too late.", "ada", later)


def test_the_customer_of_a_discarded_load_reads_why(installation: Installation, held: Load) -> None:
    discard(installation, held, "A test export.")
    found = reconciled(installation, held)
    assert found.state is LoadState.FAILED
    assert "our staff discarded it: A test export." in found.errors[0]
    assert "50 rows removed, 50 % of 100 rows" in found.errors[0]
    assert notices_of(installation, held)[0].startswith("a@example.org: Not loaded")


def test_mail_about_a_held_load_leads_to_its_page(installation: Installation, held: Load) -> None:
    """Staff and its customer when it is held, its customer again when it is discarded."""
    discard(installation, held, "A test export.")
    page = f"{installation.settings.gateway_url}/loads/{held.job_id}"
    notifications = installation.ledger.notifications.of(held.job_id)
    assert len(notifications) == 3
    assert all(
        notification.notice.body.endswith(f"\nPage: {page}\n") for notification in notifications
    )


def test_a_later_load_that_passes_makes_a_held_one_needless(
    installation: Installation, held: Load
) -> None:
    later = published(installation, HEADER + ROWS.replace("Unit 7", "Unit seven"))
    assert later.state is LoadState.SUCCEEDED
    with pytest.raises(LaterLoadPublished):
        load_actions.approve(installation.ledger, held.job_id, "A real cut.", "ada", now())
    [decision] = decided(installation, now())
    assert decision is Decision.SUPERSEDED
    assert "sent later" in installation.again(held).errors[0]


def test_a_later_load_that_is_published_between_approval_and_run_wins(
    installation: Installation, held: Load
) -> None:
    load_actions.approve(installation.ledger, held.job_id, "A real cut.", "ada", now())
    with installation.out_of_line(held):
        published(installation, HEADER + ROWS.replace("Unit 7", "Unit seven"))
    installation.execute(held)
    found = reconciled(installation, held)
    assert found.state is LoadState.FAILED
    assert "sent later" in found.errors[0]
    hold = installation.ledger.holds.get(held.job_id)
    assert hold
    assert hold.counts == held.counts, "It was erased, and nobody could look at the hold any more."
    assert live(installation) == 100


def test_a_decision_needs_a_reason(installation: Installation, held: Load) -> None:
    with pytest.raises(ReasonMissing):
        load_actions.approve(installation.ledger, held.job_id, "  ", "ada", now())
    with pytest.raises(ReasonMissing):
        discard(installation, held, "  ")
    assert installation.again(held).state is LoadState.HELD


def test_a_subscription_may_let_more_pass(installation: Installation) -> None:
    own = {"removed": Threshold(percent=50)}
    installation.ledger.customers.subscribe(Subscription(TARGET, thresholds=own), now())
    published(installation)
    assert published(installation, HALF).state is LoadState.SUCCEEDED
    assert live(installation) == 50


def test_the_same_bytes_again_publish_nothing_and_succeed(installation: Installation) -> None:
    first = published(installation)
    again = published(installation)
    assert again.state is LoadState.SUCCEEDED
    [attempt] = installation.ledger.attempts.of(again.job_id)
    assert attempt.result is AttemptResult.UNCHANGED
    assert [version.job_id for version in installation.ledger.versions.of(TARGET)] == [first.job_id]
    notifications = installation.ledger.notifications.of(again.job_id)
    assert "is identical to" in notifications[0].notice.body


def test_a_load_is_repeated_from_the_archive_as_a_load_of_its_own(
    installation: Installation,
) -> None:
    first = published(installation)
    published(installation, HEADER + ROWS.replace("Unit 7", "Unit seven"))
    again = load_actions.repeat(installation.ledger, first.job_id, "ada", now())
    assert (again.request.origin, again.request.repeats) == (Origin.REPEAT, first.job_id)
    installation.execute(again)
    assert reconciled(installation, again).state is LoadState.SUCCEEDED
    newest = installation.ledger.versions.of(TARGET)[0]
    assert newest.job_id == again.job_id
    assert newest.sha256 == hashlib.sha256((HEADER + ROWS).encode()).hexdigest()
    assert not notices_of(installation, again)


def test_a_file_that_could_not_be_read_is_archived_too(installation: Installation) -> None:
    refused = published(installation, "nonsense\n")
    assert refused.state is LoadState.FAILED
    again = load_actions.repeat(
        installation.ledger, refused.job_id, "ada", now(), notify_customer=True
    )
    installation.execute(again)
    assert reconciled(installation, again).errors == refused.errors
    assert notices_of(installation, again) == notices_of(installation, refused)


def test_a_file_that_is_archived_no_longer_fails_with_that_reason(
    installation: Installation,
) -> None:
    first = published(installation)
    archive = open_archive(installation.settings)
    for file in archive.list_files(RECEIVED):
        archive.remove(file.name)
    again = load_actions.repeat(installation.ledger, first.job_id, "ada", now())
    installation.execute(again)
    assert "is no longer stored" in reconciled(installation, again).errors[0]


def test_received_files_are_deleted_after_a_month_but_for_those_of_retained_versions(
    installation: Installation,
) -> None:
    published(installation)
    published(installation, "nonsense\n")
    archive = open_archive(installation.settings)
    warehouse = DuckDBWarehouse(installation.settings.warehouse_dir)
    assert prune(archive, installation.ledger, warehouse, MONTH, now(), MONTH) == 0
    assert prune(archive, installation.ledger, warehouse, MONTH, now() + MONTH, MONTH) == 1
    [remaining] = archive.list_files(RECEIVED)
    assert remaining.name == RECEIVED + hashlib.sha256((HEADER + ROWS).encode()).hexdigest()


def test_rejection_reports_go_after_their_own_time(
    installation: Installation, tmp_path: Path
) -> None:
    archive, ledger = open_archive(installation.settings), installation.ledger
    warehouse = DuckDBWarehouse(installation.settings.warehouse_dir)
    report = tmp_path / "report.csv"
    report.write_text("xid,_row")
    archive.put(f"{REPORTS}job.csv", report)
    assert prune(archive, ledger, warehouse, timedelta(days=1), now() + MONTH / 2, MONTH) == 0
    assert prune(archive, ledger, warehouse, MONTH, now() + MONTH, MONTH) == 1
    assert not list(archive.list_files(REPORTS))


def test_held_rows_go_once_the_load_has_its_outcome(installation: Installation, held: Load) -> None:
    archive = open_archive(installation.settings)
    warehouse = DuckDBWarehouse(installation.settings.warehouse_dir)
    prune(archive, installation.ledger, warehouse, MONTH, now() + timedelta(days=2), MONTH)
    assert list(archive.list_files(HELD))
    discard(installation, held, "A test export.")
    prune(archive, installation.ledger, warehouse, MONTH, now(), MONTH)
    assert not list(archive.list_files(HELD))


def test_an_attempt_that_dies_while_it_holds_leaves_the_load_to_the_next(
    installation: Installation,
) -> None:
    published(installation)
    installation.put(HALF)
    load = installation.accept()
    installation.execute(load)
    with installation.ledger.database.writing() as connection:
        # As if the worker had died after the rows were archived and before the hold was recorded.
        connection.exec_driver_sql("DELETE FROM holds")
        connection.exec_driver_sql("DELETE FROM notifications WHERE id LIKE '%held%'")
        connection.execute(loads.update().values(state=LoadState.RUNNING))
        connection.exec_driver_sql("UPDATE attempts SET result = NULL WHERE result = 'held'")
    installation.execute(load)
    results = [attempt.result for attempt in installation.ledger.attempts.of(load.job_id)]
    assert results == [AttemptResult.LOST, AttemptResult.HELD]
    assert installation.again(load).state is LoadState.HELD
