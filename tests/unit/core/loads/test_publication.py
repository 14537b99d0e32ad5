"""What becomes of a checked file."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alumniq_pipelines.core.feeds.field_map import FieldMap, Thresholds
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.diff import Changes, EmptiedColumn, find_hold_reasons
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.losses import Losses, RowLoss
from alumniq_pipelines.core.loads.publication import (
    HoldRows,
    KeepLive,
    PublicationDecision,
    PublishRows,
    decide,
    is_publishable,
    terms_of,
)
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version

LIVE = Version(
    target=Target("iqu", Environment.QA, "people"),
    number=1,
    job_id=JobId("job-1"),
    rows=100,
    sha256="a" * 64,
    etag="etag",
    relation="people",
    published_at=datetime(2026, 3, 1, 2, 30, tzinfo=UTC),
)
SAME = Changes(0, 0, 0, 100)
HALVED = Changes(0, 0, 50, 50)
USUAL = Changes(1, 1, 1, 98)


def decided(
    changes: Changes | None,
    *,
    live: Version | None = LIVE,
    sha256: str = "b" * 64,
    hints: Sequence[str] = (),
) -> PublicationDecision:
    return decide(sha256=sha256, live=live, changes=changes, thresholds=Thresholds(), hints=hints)


@pytest.mark.parametrize(
    ("counts", "max_rejected", "may_be"),
    [
        (Counts(3, 3, 0), 0, True),
        (Counts(3, 2, 1), 0, False),
        (Counts(3, 2, 1), 1, True),
        (Counts(3, 0, 3), 3, False),
        (Counts(0, 0, 0), 0, False),
    ],
)
def test_a_file_needs_a_row_that_is_left_and_not_too_many_that_are_rejected(
    counts: Counts, max_rejected: int, *, may_be: bool
) -> None:
    assert is_publishable(counts, max_rejected) is may_be


def test_a_first_load_is_published() -> None:
    assert decided(None, live=None) == PublishRows()


def test_usual_changes_are_published() -> None:
    assert decided(USUAL) == PublishRows()


def test_unusual_changes_are_held_for_their_reasons() -> None:
    decision = decided(HALVED)
    assert isinstance(decision, HoldRows)
    assert decision.changes == HALVED
    assert "50 rows removed" in decision.reasons[0]


def test_the_same_rows_from_the_same_bytes_leave_the_live_version() -> None:
    assert decided(SAME, sha256=LIVE.sha256) == KeepLive(live=LIVE, changes=SAME)


def test_the_same_rows_from_other_bytes_are_published() -> None:
    assert decided(SAME) == PublishRows()


def test_the_same_bytes_read_by_other_rules_may_be_published_or_held() -> None:
    assert decided(USUAL, sha256=LIVE.sha256) == PublishRows()
    assert isinstance(decided(HALVED, sha256=LIVE.sha256), HoldRows)


def test_the_same_bytes_are_never_held_where_they_change_nothing() -> None:
    emptied = Changes(0, 0, 0, 100, emptied=(EmptiedColumn("email", 3, is_absent=True),))
    assert decided(emptied, sha256=LIVE.sha256) == KeepLive(live=LIVE, changes=emptied)


def test_losses_that_add_up_are_held() -> None:
    losses = Losses(rows=RowLoss(rows=99, best_rows=200, published_at=LIVE.published_at))
    decision = decide(
        sha256="b" * 64, live=LIVE, changes=USUAL, thresholds=Thresholds(), losses=losses
    )
    assert isinstance(decision, HoldRows)
    assert "99 accepted rows, 50.5 % fewer than the 200 of 2026-03-01" in decision.reasons[0]


def test_a_subscription_sets_points_for_all_columns_and_for_single_ones() -> None:
    rules = {"thresholds": {"columns": {"fill": 30, "fillOf": {"a": 5, "b": 6}}}}
    schema = {"fields": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}
    field_map = FieldMap.model_validate(
        {"name": "people", "path": "people.csv", "alumniq": rules, "schema": schema}
    )
    own = Subscription(LIVE.target, fill_of={"b": 50.0})
    columns = terms_of(field_map, own).thresholds.columns
    assert [columns.limit_of(name) for name in "abc"] == [5, 50, 30]
    assert terms_of(field_map, replace(own, fill=1.0)).thresholds.columns.limit_of("c") == 1


def test_hints_are_among_the_reasons_of_a_hold_and_hold_nothing_by_themselves() -> None:
    held = decided(HALVED, hints=("It lost zeros.",))
    assert isinstance(held, HoldRows)
    assert held.reasons == (*find_hold_reasons(HALVED, Thresholds()), "It lost zeros.")
    assert decided(USUAL, hints=("It lost zeros.",)) == PublishRows()
