from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.loads.bucket import StoredFile
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, LoadState
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.conditions import MissedDelivery
from alumniq_pipelines.core.monitoring.incident import Kind
from alumniq_pipelines.core.monitoring.missed_delivery import (
    common_prefix,
    missed_delivery_condition,
    newest_unrequested_file,
    was_requested,
)
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule, WatchState, expectation

TARGET = Target("iqu", Environment.PRODUCTION, "warehouse")
SCHEDULE = DeliverySchedule(cron="0 3 * * *", time_zone="America/New_York")
DUE = datetime(2026, 3, 5, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
OVERDUE = expectation(SCHEDULE, [DUE - 24 * HOUR], DUE + 3 * HOUR, since=DUE - 96 * HOUR)
MISSED = MissedDelivery(target=TARGET, schedule=SCHEDULE, expectation=OVERDUE, last=DUE - 24 * HOUR)
FOLDER = "production/warehouse/"
FILE = StoredFile(key=f"{FOLDER}warehouse.csv", size_bytes=10, etag="e1", modified_at=DUE)


def load(state: LoadState, accepted_at: datetime = DUE) -> Load:
    request = LoadRequest(JobId("J-1"), TARGET, "warehouse.csv", "e1", 10)
    return Load(1, request, state, attempts=1, accepted_at=accepted_at)


def file(name: str, modified_at: datetime = DUE) -> StoredFile:
    return replace(FILE, key=FOLDER + name, modified_at=modified_at)


def test_the_example_is_silent() -> None:
    assert OVERDUE.state is WatchState.MISSED


def test_nothing_at_all_is_no_file() -> None:
    found = missed_delivery_condition(MISSED, load(LoadState.SUCCEEDED, DUE - 24 * HOUR), None)
    assert found
    assert found.kind is Kind.NO_FILE
    assert found.title == "No file arrived: warehouse (iqu, production)"
    assert "It was due 2026-03-05 03:00 EST, with a grace period of 2 h" in found.detail
    assert "Last published delivery: 2026-03-04 03:00 EST" in found.detail


def test_a_file_that_nobody_asked_for_is_no_post() -> None:
    found = missed_delivery_condition(MISSED, None, FILE)
    assert found
    assert found.kind is Kind.NOT_REQUESTED
    assert "warehouse.csv was delivered 2026-03-05 03:00 EST" in found.detail


@pytest.mark.parametrize("state", [LoadState.QUEUED, LoadState.REQUESTED, LoadState.RUNNING])
def test_a_load_underway_is_no_outcome(state: LoadState) -> None:
    found = missed_delivery_condition(MISSED, load(state), None)
    assert found
    assert found.kind is Kind.NO_OUTCOME
    assert "J-1" in found.detail


@pytest.mark.parametrize("state", sorted(set(LoadState) - {LoadState.SUCCEEDED}))
def test_a_load_that_came_is_never_called_missing(state: LoadState) -> None:
    found = missed_delivery_condition(MISSED, load(state), FILE)
    assert found
    assert found.kind in {Kind.NO_OUTCOME, Kind.FAILING}


def test_a_load_that_failed_is_failing_whatever_lies_in_the_bucket() -> None:
    found = missed_delivery_condition(MISSED, load(LoadState.FAILED), FILE)
    assert found
    assert found.kind is Kind.FAILING
    assert "alumniq load show J-1" in found.advice


def test_a_load_that_has_just_succeeded_ends_the_missed_delivery() -> None:
    assert missed_delivery_condition(MISSED, load(LoadState.SUCCEEDED), None) is None


def test_only_a_webhook_since_the_window_opened_counts() -> None:
    assert OVERDUE.opens_at == DUE - 2 * HOUR
    assert was_requested(MISSED, load(LoadState.FAILED, DUE - 2 * HOUR))
    assert not was_requested(MISSED, load(LoadState.FAILED, DUE - 3 * HOUR))
    assert not was_requested(MISSED, None)


def test_all_kinds_of_missed_delivery_of_a_target_are_one_incident() -> None:
    found = [
        missed_delivery_condition(MISSED, None, None),
        missed_delivery_condition(MISSED, None, FILE),
        missed_delivery_condition(MISSED, load(LoadState.RUNNING), None),
        missed_delivery_condition(MISSED, load(LoadState.FAILED), None),
    ]
    assert len({condition.kind for condition in found if condition}) == 4
    assert len({condition.key for condition in found if condition}) == 1


@pytest.mark.parametrize(
    "name", ["warehouse-2026-03-05.csv", "Warehouse-2026-3-5.CSV", "warehouse-20-1-1.csv.gz"]
)
def test_names_that_differ_in_date_case_or_packing_are_alike(name: str) -> None:
    delivered = file(name)
    assert (
        newest_unrequested_file([delivered], FOLDER, "warehouse-2026-03-04.csv", None) == delivered
    )


@pytest.mark.parametrize("name", ["warehouse-degrees-1-1-1.csv", "notes.txt", "old/warehouse.csv"])
def test_files_of_other_feeds_are_not_taken_for_it(name: str) -> None:
    assert newest_unrequested_file([file(name)], FOLDER, "warehouse-2026-03-04.csv", None) is None


def test_a_file_that_was_there_when_a_webhook_last_asked_is_no_news() -> None:
    assert (
        newest_unrequested_file([FILE], FOLDER, "warehouse.csv", load(LoadState.SUCCEEDED)) is None
    )
    before = load(LoadState.SUCCEEDED, DUE - HOUR)
    assert newest_unrequested_file([FILE], FOLDER, "warehouse.csv", before) == FILE


@pytest.mark.parametrize(
    ("ahead", "etag", "is_news"),
    [
        (timedelta(seconds=2), "e1", False),
        (timedelta(minutes=15), "e1", False),
        (timedelta(minutes=16), "e1", True),  # the same bytes were delivered once more
        (timedelta(seconds=2), "e2", True),  # others under the same name
    ],
)
def test_a_file_whose_webhook_was_called_is_no_news_though_the_clock_of_its_store_is_ahead(
    ahead: timedelta, etag: str, *, is_news: bool
) -> None:
    """Of a missed delivery it was said that a file had arrived without a webhook call."""
    requested = load(LoadState.SUCCEEDED, DUE)
    there = replace(file("warehouse.csv", DUE + ahead), etag=etag)
    found = newest_unrequested_file([there], FOLDER, "warehouse.csv", requested)
    assert (found is not None) is is_news


def test_the_newest_of_several_files_is_reported() -> None:
    files = [file("w1.csv", DUE - HOUR), file("w2.csv", DUE), file("w3.csv", DUE - 2 * HOUR)]
    found = newest_unrequested_file(files, FOLDER, "w9.csv", None)
    assert found == files[1]


@given(st.from_regex(r"[a-z-]{0,12}[0-9]{0,8}[a-z.]{1,8}", fullmatch=True), st.text("0123456789"))
def test_names_that_are_alike_start_alike(name: str, digits: str) -> None:
    other = "".join(digits if char.isdigit() else char for char in name)
    assert other.startswith(common_prefix(name))
