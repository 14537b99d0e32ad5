"""Evaluations of freshness stay small, however many partitions are watched."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._serdes import serialize_value  # has no public name
from hypothesis import given
from hypothesis import strategies as st

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule, Expectation, WatchState
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.defs.freshness import (
    MAX_NAMED,
    MAX_SHOWN,
    freshness,
    freshness_digest,
    missed_partitions,
)
from alumniq_pipelines.services.monitor import WatchStatus
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import read_schemas

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FEED = "warehouse"
LONGEST_ID = "u" * 26


def status(number: int, state: WatchState) -> WatchStatus:
    """Return the state of a watch; a higher number was due later."""
    return WatchStatus(
        Watch(
            Target(f"{LONGEST_ID}{number:05}", Environment.PRODUCTION, FEED),
            DeliverySchedule(period=timedelta(days=1)),
            NOW,
        ),
        Expectation(state=state, due_at=NOW + timedelta(minutes=number)),
        NOW,
    )


def rows_of(evaluation: dg.AssetCheckEvaluation, name: str) -> Sequence[Mapping[str, object]]:
    """Return the rows of a table in the metadata of an evaluation."""
    shown = evaluation.metadata[name]
    assert isinstance(shown, dg.TableMetadataValue)
    return [record.data for record in shown.records]


@pytest.fixture(name="field_map", scope="module")
def fixture_field_map() -> FieldMap:
    """The field map of the feed."""
    return read_schemas(Settings()).catalog.feed(FEED)


@pytest.mark.parametrize("state", [WatchState.MISSED, WatchState.ON_TIME])
def test_an_evaluation_of_2000_watches_stays_below_20_kb(
    field_map: FieldMap, state: WatchState
) -> None:
    evaluation = freshness(field_map, [status(number, state) for number in range(2_000)])
    assert len(serialize_value(evaluation)) < 20_000
    assert evaluation.metadata["watched"].value == 2_000


def test_an_evaluation_lists_the_deliveries_that_were_missed_last_and_counts_the_others(
    field_map: FieldMap,
) -> None:
    missed = [status(number, WatchState.MISSED) for number in range(MAX_SHOWN + 5)]
    others = [status(number + 100, WatchState.ON_TIME) for number in range(3)]
    evaluation = freshness(field_map, [*others, *missed])
    newest_first = [status.target.partition_key for status in reversed(missed)]
    shown = [row["partition"] for row in rows_of(evaluation, "missed last")]
    assert shown == newest_first[:MAX_SHOWN]
    assert evaluation.description == (
        f"Missed deliveries: {', '.join(newest_first[:MAX_NAMED])} "
        f"and {MAX_SHOWN + 5 - MAX_NAMED} more."
    )
    assert rows_of(evaluation, "states") == [
        {"state": "on-time", "partitions": 3},
        {"state": "silent", "partitions": MAX_SHOWN + 5},
    ]


@given(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_freshness_is_reported_when_other_partitions_are_missed_and_only_then(
    before: set[int], now: set[int]
) -> None:
    digests = []
    for missed in (before, now):
        states = dict.fromkeys(missed, WatchState.MISSED)
        statuses = [status(number, states.get(number, WatchState.ON_TIME)) for number in range(21)]
        digests.append(freshness_digest(missed_partitions(statuses)[FEED]))
    assert (digests[0] == digests[1]) == (before == now)
