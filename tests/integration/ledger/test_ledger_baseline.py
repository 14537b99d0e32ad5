"""The profiles of versions, and what a load is compared with, on both engines."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.baseline import (
    BASELINE_PERIOD,
    MAX_VERSIONS,
    NO_BASELINE,
    ROLLBACK,
)
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.losses import Period
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.version_profile import ColumnProfile, Profile
from tests.integration.ledger.conftest import NOW, Accept, version_of
from tests.integration.ledger.test_ledger_holds import hold_of

RECEIPT = Receipt("cafe", "e1")
SUCCEEDED = Outcome(LoadState.SUCCEEDED)
ROLLED_BACK_AT = NOW + timedelta(hours=30)


def profile(filled: int) -> Profile:
    return Profile(
        rows=9, columns=(ColumnProfile("xid", 9, 9, 3, 9), ColumnProfile("born", filled))
    )


def check(filled: int | None) -> CheckRecord:
    found = None if filled is None else profile(filled)
    return CheckRecord(counts=Counts(9, 9, 0), profile=found)


def publish(
    ledger: Ledger, load: Load, filled: int | None, at: datetime = NOW, *, attempt: int = 1
) -> None:
    """Publish a load as an attempt does: the result is recorded first, then that it is live."""
    ledger.attempts.begin(load, "run", at, launch=load.launch)
    claimed = ledger.attempts.claim_publication(load.job_id, attempt, check(filled), RECEIPT, at)
    assert claimed
    assert ledger.attempts.complete(
        load.job_id,
        attempt,
        AttemptResult.PUBLISHED,
        SUCCEEDED,
        [],
        at,
        check=check(None),
        receipt=RECEIPT,
        version=replace(version_of(load), published_at=at),
    )


def numbers(ledger: Ledger, target: Target, now: datetime = NOW) -> list[int]:
    return [version.number for version in ledger.versions.baseline(target, now).versions]


def test_of_very_many_versions_only_the_newest_are_compared_with_and_it_says_so(
    ledger: Ledger, target: Target, accept: Accept
) -> None:
    version = version_of(accept())
    for number in range(1, MAX_VERSIONS):
        ledger.versions.record(replace(version, number=number), NOW)
    assert ledger.versions.baseline(target, NOW).period is Period.DAYS
    for number in (MAX_VERSIONS, MAX_VERSIONS + 1):
        ledger.versions.record(replace(version, number=number), NOW)
    found = ledger.versions.baseline(target, NOW)
    assert len(found.versions) == MAX_VERSIONS
    assert found.period is Period.NEWEST


def test_a_version_keeps_the_profile_that_was_recorded_before_it_went_live(
    ledger: Ledger, target: Target, accept: Accept
) -> None:
    load = accept()
    publish(ledger, load, 5)
    [found] = ledger.versions.baseline(target, NOW).versions
    assert (found.number, found.rows, found.published_at) == (load.number, 9, NOW)
    assert found.profile == profile(5)
    assert not found.is_approved


def test_of_two_attempts_the_profile_of_the_later_counts(
    ledger: Ledger, target: Target, accept: Accept
) -> None:
    load = accept()
    ledger.attempts.begin(load, "run", NOW)
    ledger.attempts.claim_publication(load.job_id, 1, check(4), RECEIPT, NOW)
    assert ledger.attempts.close_lost(load.job_id, 1, NOW, is_revoked=True)
    publish(ledger, load, 5, attempt=2)
    [found] = ledger.versions.baseline(target, NOW).versions
    assert found.profile == profile(5)


def test_a_version_of_a_release_without_profiles_has_none(
    ledger: Ledger, target: Target, accept: Accept
) -> None:
    publish(ledger, accept(), None)
    [found] = ledger.versions.baseline(target, NOW).versions
    assert found.profile is None


def test_an_approved_version_has_the_profile_of_the_attempt_that_was_held(
    ledger: Ledger, target: Target, accept: Accept
) -> None:
    publish(ledger, accept(), 5)
    load = accept()
    ledger.attempts.begin(load, "run", NOW)
    assert ledger.holds.hold(hold_of(load), 1, RECEIPT, [], profile=profile(2))
    assert ledger.holds.approve(load.job_id, "ada", "It is right.", NOW)
    approved = ledger.loads.get(load.job_id)
    assert approved
    publish(ledger, approved, None, attempt=2)
    [found] = ledger.versions.baseline(target, NOW).versions
    assert (found.number, found.profile, found.is_approved) == (load.number, profile(2), True)


def test_a_rollback_makes_the_version_that_it_went_to_the_measure(
    ledger: Ledger, target: Target, accept: Accept
) -> None:
    loads = [accept(), accept(), accept()]
    for day, load in enumerate(loads):
        publish(ledger, load, 5, NOW + timedelta(days=day))
    detail = {"from": loads[1].number, "to": loads[0].number}
    ledger.audit.add("ada", f"{ROLLBACK} requested", str(target), ROLLED_BACK_AT, detail=detail)
    assert len(numbers(ledger, target, ROLLED_BACK_AT)) == 3
    ledger.audit.add("ada", ROLLBACK, str(target), ROLLED_BACK_AT, detail=detail)
    assert numbers(ledger, target, ROLLED_BACK_AT) == [loads[2].number, loads[0].number]


def test_versions_of_30_days_of_the_target_alone_count(
    ledger: Ledger, target: Target, accept: Accept
) -> None:
    other = Target("iqu", Environment.PRODUCTION, "warehouse")
    publish(ledger, accept(target=other), 5)
    old, new = accept(), accept()
    publish(ledger, old, 5, NOW - BASELINE_PERIOD)
    publish(ledger, new, 5)
    assert numbers(ledger, target) == [new.number, old.number]
    assert numbers(ledger, target, NOW + timedelta(seconds=1)) == [new.number]
    assert ledger.versions.baseline(replace(target, feed="warehouse-degrees"), NOW) == NO_BASELINE


@pytest.mark.parametrize(
    ("fill", "fill_of"), [(30.0, {}), (None, {"emailAddress": 5.0}), (None, {})]
)
def test_a_subscription_keeps_by_how_much_columns_may_be_filled_less(
    ledger: Ledger, target: Target, fill: float | None, fill_of: dict[str, float]
) -> None:
    own = Subscription(target, fill=fill, fill_of=fill_of)
    ledger.customers.subscribe(own, NOW)
    assert ledger.customers.subscription(target) == own
