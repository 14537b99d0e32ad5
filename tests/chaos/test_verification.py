"""The verification of a storm finds what it looks for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, Origin, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptRecord, AttemptResult
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from tests.chaos.evidence import Evidence
from tests.chaos.notices import check_notices
from tests.chaos.order import check_order
from tests.chaos.outcomes import check_outcomes
from tests.chaos.sent_files import SentFile
from tests.chaos.summary import ChaosSummary
from tests.servers.receiver import Received

TARGET = Target("iqu", Environment.QA, "warehouse-lookups")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = SentFile(TARGET, "good.csv", 100, 3)
BAD = SentFile(TARGET, "bad.csv", 100, 30)
PUBLISHED, SUPERSEDED = AttemptResult.PUBLISHED, AttemptResult.SUPERSEDED


def a_load(
    number: int, state: LoadState = LoadState.SUCCEEDED, sent: SentFile = GOOD, **options: object
) -> Load:
    """Return a load that has one attempt."""
    request = LoadRequest(new_job_id(), TARGET, sent.filename, None, None, "a@b.c", "http://x")
    load = Load(number, request, state, 1, NOON, ended_at=minute(number))
    return replace(load, **options)  # type: ignore[arg-type]


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def evidence(
    loads: Sequence[Load],
    results: Sequence[AttemptResult] = (),
    starts: Sequence[float] = (),
    **options: object,
) -> Evidence:
    """Return the evidence of loads that each took one minute, at first one after the other."""
    attempts, versions = {}, []
    for index, load in enumerate(loads):
        start = starts[index] if starts else load.number
        result = results[index] if results else PUBLISHED
        attempts[load.job_id] = [
            AttemptRecord(1, "run", result, started_at=minute(start), ended_at=minute(start + 1))
        ]
        if result is PUBLISHED:
            versions.append(a_version(load, minute(start)))
    known = Evidence(
        loads=list(loads),
        attempts=attempts,
        holds={},
        versions={TARGET: versions},
        sent={sent.filename: sent for sent in (GOOD, BAD)},
        accepted=[load.job_id for load in loads],
    )
    return replace(known, **options)  # type: ignore[arg-type]


def a_version(load: Load, published_at: datetime) -> Version:
    return Version(
        target=TARGET,
        number=load.number,
        job_id=load.job_id,
        rows=100,
        sha256="",
        etag=None,
        relation="",
        published_at=published_at,
    )


def order(known: Evidence) -> dict[str, int]:
    """Return the breaches of the order, by kind."""
    summary = ChaosSummary()
    check_order(known, summary)
    return {name: count for name, count in summary.counts.items() if name != "superseded"}


def outcomes(known: Evidence) -> dict[str, int]:
    """Return the breaches of outcomes and the counted reasons of failures, by kind."""
    summary = ChaosSummary()
    check_outcomes(known, summary)
    return dict(summary.counts)


def test_loads_that_are_done_one_after_the_other_are_in_order() -> None:
    assert order(evidence([a_load(1), a_load(2)])) == {}


def test_a_version_that_goes_live_before_an_earlier_one_is_disordered() -> None:
    assert order(evidence([a_load(1), a_load(2)], starts=[5, 3])) == {"disordered": 1}


def test_attempts_at_one_table_at_once_overlap() -> None:
    assert order(evidence([a_load(1), a_load(2)], starts=[1, 1.5])) == {"overlapping": 1}


def test_a_load_that_was_overtaken_is_disordered_unless_a_person_interfered() -> None:
    loads, results = [a_load(1), a_load(2)], [SUPERSEDED, PUBLISHED]
    assert order(evidence(loads, results)) == {"disordered": 1}
    assert order(evidence(loads, results, rollbacks={TARGET: 1.0})) == {}
    by_hand = replace(loads[1], request=replace(loads[1].request, origin=Origin.DAGSTER))
    assert order(evidence([loads[0], by_hand], results)) == {}


def test_loads_without_an_outcome_and_unknown_job_ids_are_lost() -> None:
    assert outcomes(evidence([a_load(1, LoadState.RUNNING)])) == {"lost": 1}
    assert outcomes(evidence([], accepted=["A"])) == {"lost": 1}


def test_an_outcome_that_contradicts_the_file_is_wrong() -> None:
    refused = [AttemptResult.REFUSED]
    assert outcomes(evidence([a_load(1, sent=BAD)])) == {"wrong": 1}
    assert outcomes(evidence([a_load(1, LoadState.FAILED)], refused)) == {"wrong": 1}
    assert outcomes(evidence([a_load(1, LoadState.FAILED, BAD)], refused)) == {"refused": 1}


def test_a_confirmed_cancellation_that_is_followed_by_success_is_wrong() -> None:
    load = a_load(1)
    assert outcomes(evidence([load], canceled=[load.job_id])) == {"wrong": 1}


def test_two_different_callbacks_are_doubled_and_a_missing_mail_is_lost(tmp_path: Path) -> None:
    load, summary = a_load(1), ChaosSummary()
    bodies = [
        f'{{"jobId": "{load.job_id}", "errors": {errors}, "executionCompleted": true}}'
        for errors in ("null", "[]")
    ]
    received = [Received("/", {"webhook-id": "one"}, body.encode()) for body in bodies]
    check_notices(evidence([load]), received, tmp_path, summary)
    assert (summary.counts["doubled"], summary.counts["lost"]) == (1, 1)
