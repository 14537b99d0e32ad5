"""The results of Dagster's checks, by the result of the load."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Cause, CheckResult, Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.load_result import (
    DryRun,
    LoadResult,
    Overtaken,
    Published,
    ReceivedFile,
    Refused,
    Rejected,
    Superseded,
    SupersededHold,
)
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.file import EmptyFile, RowsRejected
from alumniq_pipelines.core.problems.live_data import LiveData
from alumniq_pipelines.defs.checks import CHANGES, DESCRIPTIONS, KEYS, ROW_COUNT, SCHEMA
from alumniq_pipelines.defs.checks import check_results as results_of

FILE = ReceivedFile(receipt=Receipt("a" * 64, "etag"), size_bytes=9)
REPEATED = Cause("duplicate-key", "xid", "`xid` duplicates the key of an earlier row", 1, 3)
PREVIOUS = Version(
    target=Target("iqu", Environment.QA, "people"),
    number=1,
    job_id=JobId("job-1"),
    rows=100,
    sha256="b" * 64,
    etag="etag",
    relation="people",
    published_at=datetime(2026, 3, 1, 2, 30, tzinfo=UTC),
)


def checks(result: LoadResult, previous: Version | None = None) -> dict[str, dg.AssetCheckResult]:
    found = results_of(dg.AssetKey(["feeds", "people"]), result, previous)
    return {check.check_name or "": check for check in found}


@pytest.mark.parametrize(
    "result",
    [
        Superseded(by=2, receipt=FILE.receipt),
        Overtaken(by=2, receipt=FILE.receipt),
        SupersededHold(by=2, hold_reasons=("Too many.",)),
    ],
)
def test_a_superseded_load_has_no_check_results(result: LoadResult) -> None:
    assert checks(result) == {}


def test_a_file_that_cannot_be_read_fails_the_schema_only() -> None:
    found = checks(Refused(problem=EmptyFile(), receipt=FILE.receipt))
    assert [(name, check.passed) for name, check in found.items()] == [(SCHEMA, False)]
    assert found[SCHEMA].description == str(EmptyFile())


def test_what_rejects_a_file_is_an_error_and_what_rejects_some_rows_a_warning() -> None:
    check_result = CheckResult(Counts(2, 1, 1), causes=(REPEATED,))
    rejected = Rejected(
        problem=RowsRejected(1, 2, LiveData.NONE), check_result=check_result, file=FILE, seconds={}
    )
    published = Published(check_result=check_result, version=PREVIOUS)
    for result, severity in (
        (rejected, dg.AssetCheckSeverity.ERROR),
        (published, dg.AssetCheckSeverity.WARN),
    ):
        found = checks(result)
        assert set(found) == set(DESCRIPTIONS)
        assert (found[KEYS].passed, found[KEYS].severity) == (False, severity)
        assert found[SCHEMA].passed


def test_a_dry_run_warns_of_what_a_load_would_be_held_for() -> None:
    found = checks(
        DryRun(
            check_result=CheckResult(Counts(50, 50, 0)),
            changes=Changes(0, 0, 50, 50),
            hold_reasons=("50 rows removed.",),
            file=FILE,
            seconds={},
        ),
        PREVIOUS,
    )
    assert not found[CHANGES].passed
    assert found[CHANGES].description == "50 rows removed."
    assert found[CHANGES].metadata["removed"].value == 50
    assert found[ROW_COUNT].passed
    assert found[ROW_COUNT].metadata["rows before"].value == 100
