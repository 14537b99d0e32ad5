"""Runs of a feed's job: real ledger, bucket and warehouse, executed in this process."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load, LoadState, Origin
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.command import UnknownCustomer
from alumniq_pipelines.core.problems.outcome import Misconfigured
from alumniq_pipelines.definitions import build_definitions
from alumniq_pipelines.defs.tags import JOB_ID, tags_of
from tests.integration.dagster.conftest import FILE, HEADER, ROWS, TARGET, Installation

KEY = dg.AssetKey(["feeds", "warehouse_lookups"])
SECRET = "Wilhelmina-Zzyzx"
ONE_MORE = '"unit","101","Unit 101","101","true"\n'
CHECKS = ("schema", "keys", "references", "warnings", "row_count", "changes")
ALL_PASSED = dict.fromkeys(CHECKS, True)
BAD_ROW = f'"unit","","{SECRET}","1","true"\n'


class Faulty(DuckDBWarehouse):
    """A warehouse whose driver fails in an unforeseen way, with a customer's value in its text."""

    def live(self, target: Target) -> Version | None:
        """Fail."""
        del target
        raise ValueError(SECRET)


class Misset(DuckDBWarehouse):
    """A warehouse that finds a mistake in the installation's configuration."""

    def live(self, target: Target) -> Version | None:
        """Fail."""
        raise UnknownCustomer(target.customer)


def results(installation: Installation, load: Load) -> Sequence[AttemptResult | None]:
    return [attempt.result for attempt in installation.ledger.attempts.of(load.job_id)]


def reconciled(installation: Installation, load: Load) -> Load:
    """Do what the outcome sensors do once a run has ended."""
    installation.reconcile()
    return installation.again(load)


def checks(run: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {
        evaluation.check_name: evaluation.passed for evaluation in run.get_asset_check_evaluations()
    }


def log_of(installation: Installation, run: dg.ExecuteInProcessResult) -> str:
    """Return everything that a run left in Dagster's records."""
    stored = installation.instance.get_run_by_id(run.run_id)
    return "\n".join(repr(entry) for entry in installation.instance.all_logs(run.run_id)) + repr(
        stored
    )


def by_hand(installation: Installation) -> Sequence[Load]:
    loads = installation.ledger.loads.find(target=TARGET)
    return [load for load in loads if load.request.origin is Origin.DAGSTER]


def test_a_good_file_materialises_its_partition_with_what_there_is_to_know(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    load = installation.accept()
    run = installation.execute(load)
    assert run.success
    (made,) = run.asset_materializations_for_node("feeds__warehouse_lookups")
    assert made.partition == TARGET.partition_key
    shown = {name: value.value for name, value in made.metadata.items()}
    assert shown["job id"] == load.job_id
    assert shown["rows read"] == shown["dagster/row_count"] == 100
    assert shown["rows rejected"] == 0
    assert shown["bytes"] == len(HEADER + ROWS)
    assert shown["rows per second"]
    assert shown["dagster/relation_identifier"]
    assert checks(run) == ALL_PASSED | {"schema": True}
    assert results(installation, load) == [AttemptResult.PUBLISHED]
    (version,) = installation.ledger.versions.of(TARGET)
    assert version.job_id == load.job_id
    ended = reconciled(installation, load)
    assert (ended.state, ended.errors) == (LoadState.SUCCEEDED, ())
    assert ended.counts
    assert ended.counts.rows_accepted == 100


def test_a_file_with_bad_rows_shows_failing_checks_publishes_nothing_and_is_not_retried(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS + BAD_ROW)
    load = installation.accept()
    run = installation.execute(load)
    assert not run.success
    assert not run.asset_materializations_for_node("feeds__warehouse_lookups")
    assert checks(run) == ALL_PASSED | {"schema": False}
    assert results(installation, load) == [AttemptResult.REFUSED]
    ended = reconciled(installation, load)
    assert ended.state is LoadState.FAILED
    assert re.search(r"\b1 of 101 rows", ended.errors[0])
    assert "line 102" in " ".join(ended.errors)


def test_no_value_of_a_file_reaches_dagster(installation: Installation) -> None:
    installation.put(HEADER + ROWS + BAD_ROW)
    assert SECRET not in log_of(installation, installation.execute(installation.accept()))


def test_each_fault_of_a_header_is_reported_by_itself(installation: Installation) -> None:
    installation.put('"listname","code","code","isActive"\n' + ROWS)
    load = installation.accept()
    installation.execute(load)
    missing, repeated, *more = reconciled(installation, load).errors
    assert "no column `list`" in missing
    assert "`code` is in the header 2 times" in repeated
    assert not more


def test_a_file_that_is_gone_is_refused_at_once(installation: Installation) -> None:
    load = installation.accept("gone.csv")
    run = installation.execute(load)
    assert checks(run) == {"schema": False}
    assert results(installation, load) == [AttemptResult.REFUSED]
    assert "gone.csv" in reconciled(installation, load).errors[0]


def test_a_name_that_leads_out_of_the_bucket_is_refused_at_once(
    installation: Installation,
) -> None:
    load = installation.accept("../../secrets.csv")
    installation.execute(load)
    assert results(installation, load) == [AttemptResult.REFUSED]


def test_an_outage_is_tried_five_times_in_all_and_staff_are_notified(
    installation: Installation,
) -> None:
    load = installation.accept()
    bucket = installation.buckets.open("iqu").root
    bucket.rename(bucket.with_name("away"))
    run = installation.execute(load)
    assert not run.success
    assert results(installation, load) == [AttemptResult.OUTAGE] * MAX_ATTEMPTS
    ended = reconciled(installation, load)
    assert ended.state is LoadState.FAILED
    assert "5 times" in ended.errors[0]
    notifications = installation.ledger.notifications.of(load.job_id)
    assert {notification.notice.destination for notification in notifications} == {
        "a@example.org",
        "ops@example.org",
    }


def test_a_mistake_in_our_set_up_is_not_tried_again_and_its_customer_hears_a_plain_sentence(
    installation: Installation,
) -> None:
    load = installation.accept()
    warehouse = Misset(installation.settings.warehouse_dir)
    definitions = build_definitions(
        installation.settings, {"buckets": installation.buckets, "warehouse": warehouse}
    )
    assert not replace(installation, definitions=definitions).execute(load).success
    assert results(installation, load) == [AttemptResult.MISCONFIGURED]
    ended = reconciled(installation, load)
    assert ended.state is LoadState.FAILED
    assert ended.errors == (str(Misconfigured()),)
    reported = {
        notification.notice.destination: notification.notice.body
        for notification in installation.ledger.notifications.of(load.job_id)
    }
    assert "the fault is ours" in reported["a@example.org"]
    assert "alumniq customer add" in reported["ops@example.org"]
    assert "alumniq customer add" not in reported["a@example.org"]


def test_attempts_that_workers_lost_count_among_the_five(installation: Installation) -> None:
    load = installation.accept()
    now = datetime.now(UTC)
    for number in range(3):
        installation.ledger.attempts.begin(load, f"lost-{number}", now)
    bucket = installation.buckets.open("iqu").root
    bucket.rename(bucket.with_name("away"))
    installation.execute(load)
    assert results(installation, load) == [AttemptResult.LOST] * 3 + [AttemptResult.OUTAGE] * 2


def test_a_load_that_used_its_attempts_up_is_not_tried_a_sixth_time(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    load = installation.accept()
    for number in range(MAX_ATTEMPTS):
        now = datetime.now(UTC)
        installation.ledger.attempts.begin(load, f"lost-{number}", now)
    assert not installation.execute(load).success
    assert len(results(installation, load)) == MAX_ATTEMPTS
    assert reconciled(installation, load).state is LoadState.FAILED


def test_an_unforeseen_fault_is_retried_and_logged_without_its_text(
    installation: Installation,
) -> None:
    warehouse = Faulty(installation.settings.warehouse_dir)
    faulty = replace(
        installation, definitions=build_definitions(installation.settings, {"warehouse": warehouse})
    )
    load = installation.accept()
    run = faulty.execute(load)
    assert results(installation, load) == [AttemptResult.OUTAGE] * MAX_ATTEMPTS
    log = log_of(installation, run)
    assert SECRET not in log
    assert "ValueError" in log
    assert "in live" in log, "Staff need to see where it happened."
    assert "incident" in reconciled(installation, load).errors[1]


def test_materialising_by_hand_loads_the_last_accepted_file_as_a_load_of_its_own(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    installation.execute(installation.accept())
    installation.put(HEADER + ROWS + ONE_MORE)
    run = installation.execute()
    assert run.success
    (load,) = by_hand(installation)
    assert (load.request.filename, load.request.notify_email) == (FILE, "")
    stored = installation.instance.get_run_by_id(run.run_id)
    assert stored
    assert stored.tags[JOB_ID] == load.job_id
    assert reconciled(installation, load).state is LoadState.SUCCEEDED
    assert installation.ledger.versions.of(TARGET)[0].job_id == load.job_id


def test_materialising_by_hand_loads_the_file_that_is_named(installation: Installation) -> None:
    installation.put(HEADER + ROWS, "fixed.csv")
    assert installation.execute(config={"filename": "fixed.csv"}).success
    (load,) = by_hand(installation)
    assert load.request.filename == "fixed.csv"


def test_materialising_by_hand_says_so_when_there_is_nothing_to_load(
    installation: Installation,
) -> None:
    run = installation.execute()
    assert not run.success
    (data,) = [event.step_failure_data for event in run.all_events if event.is_step_failure]
    assert data.user_failure_data
    reported = data.user_failure_data.description
    assert reported
    assert "No file has been accepted for iqu/production/warehouse-lookups yet" in reported
    assert not by_hand(installation)
    assert not [event for event in run.all_events if event.is_step_up_for_retry]


def test_a_load_made_by_hand_is_one_load_however_often_it_is_tried(
    installation: Installation,
) -> None:
    bucket = installation.buckets.open("iqu").root
    bucket.rename(bucket.with_name("away"))
    installation.execute(config={"filename": FILE})
    (load,) = by_hand(installation)
    assert results(installation, load) == [AttemptResult.OUTAGE] * MAX_ATTEMPTS


def test_executing_the_run_of_an_ended_load_again_makes_a_new_load(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    load = installation.accept()
    first = installation.execute(load)
    reconciled(installation, load)
    by_a_person = {"dagster/parent_run_id": first.run_id}
    assert installation.execute(load, tags=tags_of(load, load.launch) | by_a_person).success
    (again,) = by_hand(installation)
    assert again.request.filename == FILE
    assert again.job_id != load.job_id


@pytest.mark.parametrize("rows", [10, 300])
def test_a_sudden_change_in_the_number_of_rows_is_pointed_out(
    installation: Installation, rows: int
) -> None:
    installation.put(HEADER + ROWS)
    installation.execute(installation.accept())
    more = "".join(f'"other","{code}","","","true"\n' for code in range(rows))
    installation.put(HEADER + more)
    run = installation.execute(installation.accept())
    assert run.success
    assert checks(run)["row_count"] is False
