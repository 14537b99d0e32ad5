"""What the ledger records of a load's result, and what the customer reads of it."""

from datetime import UTC, datetime

import pytest

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Cause, CheckResult, Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.load_result import (
    AlreadyPublished,
    DryRun,
    Held,
    LoadResult,
    Overtaken,
    Published,
    ReceivedFile,
    Refused,
    Rejected,
    Superseded,
    SupersededHold,
    Unchanged,
    attempt_result_of,
    check_of,
    check_record,
    dry_run_result,
    errors_of,
    held_result,
    problem_of,
    receipt_of,
    version_of,
)
from alumniq_pipelines.core.loads.outcome import REFUSALS, SUCCESSES, AttemptResult
from alumniq_pipelines.core.loads.publication import (
    NOTHING_NEW,
    HoldRows,
    KeepLive,
    PublishRows,
)
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.file import EmptyFile, RowsRejected
from alumniq_pipelines.core.problems.holding import HoldSuperseded
from alumniq_pipelines.core.problems.live_data import LiveData

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
WARNING = Cause("reference", "nation", "`nation` is no country", 3, 2, "warning")
CHECKED = CheckResult(
    Counts(4, 4, 0), hints=("It lost zeros.",), notes=("A column is absent.",), warnings=(WARNING,)
)
CHANGES = Changes(0, 0, 2, 2)
RECEIPT = Receipt("a" * 64, "etag")
FILE = ReceivedFile(receipt=RECEIPT, size_bytes=9)
VERSION = Version(
    target=Target("iqu", Environment.QA, "people"),
    number=1,
    job_id=JobId("job-1"),
    rows=4,
    sha256=RECEIPT.sha256,
    etag="etag",
    relation="people",
    published_at=NOW,
)
PEOPLE = FieldMap.model_validate(
    {
        "name": "people",
        "path": "people.csv",
        "title": "People",
        "description": "One row per person.",
        "schema": {"primaryKey": ["xid"], "fields": [{"name": "xid"}]},
    }
)
ROWS = HeldRows(
    digest="digest",
    field_map=PEOPLE,
    table="people",
    columns=("xid",),
    rows=2,
    sha256=RECEIPT.sha256,
    etag="etag",
)
REJECTED = Rejected(
    problem=RowsRejected(3, 4, LiveData.PREVIOUS),
    check_result=CheckResult(
        Counts(4, 1, 3),
        causes=(Cause("type", "born", "`born` is not a date", 3, 2),),
        hints=("It is one root.",),
        notes=("A column is absent.",),
        warnings=(WARNING,),
    ),
    file=FILE,
    seconds={},
)
PUBLISHED = Published(check_result=CHECKED, version=VERSION, changes=CHANGES, file=FILE)
RESULTS: dict[AttemptResult, LoadResult] = {
    AttemptResult.PUBLISHED: PUBLISHED,
    AttemptResult.UNCHANGED: Unchanged(
        check_result=CHECKED, live=VERSION, changes=CHANGES, file=FILE, seconds={}
    ),
    AttemptResult.SUPERSEDED: Superseded(by=2, receipt=RECEIPT),
    AttemptResult.HELD: Held(
        check_result=CHECKED, changes=CHANGES, rows=ROWS, reasons=("Too many.",), file=FILE
    ),
    AttemptResult.CHECKED: DryRun(
        check_result=CHECKED, changes=CHANGES, hold_reasons=(), file=FILE, seconds={}
    ),
}
WOULD_BE_HELD = DryRun(
    check_result=CHECKED,
    changes=CHANGES,
    hold_reasons=("Too many.", "It lost zeros."),
    file=FILE,
    seconds={},
)
REFUSED: tuple[tuple[LoadResult, AttemptResult], ...] = (
    (REJECTED, AttemptResult.REFUSED),
    (Refused(problem=EmptyFile(), receipt=RECEIPT), AttemptResult.REFUSED),
    (SupersededHold(by=2, hold_reasons=("Too many.",)), AttemptResult.OVERTAKEN),
    (Overtaken(by=2, receipt=RECEIPT), AttemptResult.OVERTAKEN),
    (WOULD_BE_HELD, AttemptResult.WOULD_BE_HELD),
)


@pytest.mark.parametrize("recorded", sorted(RESULTS))
def test_a_result_that_is_no_failure_has_neither_a_problem_nor_errors(
    recorded: AttemptResult,
) -> None:
    result = RESULTS[recorded]
    assert attempt_result_of(result) is recorded
    assert recorded in {*SUCCESSES, AttemptResult.HELD}
    assert problem_of(result) is None
    assert errors_of(result) == ()


@pytest.mark.parametrize(
    ("result", "recorded"), REFUSED, ids=[type(result).__name__ for result, _ in REFUSED]
)
def test_a_refusal_has_a_problem_that_is_its_first_error(
    result: LoadResult, recorded: AttemptResult
) -> None:
    assert attempt_result_of(result) is recorded
    assert recorded in REFUSALS
    problem = problem_of(result)
    assert problem is not None
    assert errors_of(result)[0] == str(problem)


def test_a_hold_that_was_overtaken_fails_with_why_it_was_held() -> None:
    problem = problem_of(SupersededHold(by=2, hold_reasons=("Too many.",)))
    assert isinstance(problem, HoldSuperseded)
    assert "Too many." in str(problem)


def test_diagnoses_come_after_the_problem_and_before_its_causes() -> None:
    assert errors_of(REJECTED)[1:] == (
        "It is one root.",
        "`born` is not a date (3 rows, first on line 2)",
    )


def test_warnings_and_notes_on_rows_come_before_those_on_the_file() -> None:
    """Hints of a rejected file are among its errors, and are not repeated."""
    published, rejected = check_of(PUBLISHED), check_of(REJECTED)
    assert published is not None
    assert rejected is not None
    of_file = [(warning.code, warning.message) for warning in published.warnings[1:]]
    assert published.warnings[0] == rejected.warnings[0] == WARNING
    assert of_file == [("file", "It lost zeros."), ("file", "A column is absent.")]
    assert [warning.message for warning in rejected.warnings[1:]] == ["A column is absent."]


def test_a_dry_run_that_would_be_held_lists_the_reasons_once_among_its_errors() -> None:
    assert errors_of(WOULD_BE_HELD)[1:] == ("Too many.", "It lost zeros.")
    check = check_of(WOULD_BE_HELD)
    assert check is not None
    assert [warning.message for warning in check.warnings[1:]] == ["A column is absent."]


def test_a_dry_run_says_what_would_become_of_a_load() -> None:
    live = PublishRows(), KeepLive(live=VERSION, changes=CHANGES)
    held = HoldRows(changes=CHANGES, reasons=("Too many.",))
    publish, keep, hold = (
        dry_run_result(decision, CHECKED, CHANGES, FILE, {}) for decision in (*live, held)
    )
    assert (publish.hold_reasons, publish.check_result) == ((), CHECKED)
    assert (keep.hold_reasons, keep.check_result.notes[0]) == ((), NOTHING_NEW)
    assert (hold.hold_reasons, hold.check_result) == (("Too many.",), CHECKED)


def test_nothing_is_recorded_of_a_check_that_was_not_made_or_does_not_count() -> None:
    for result, _ in ((RESULTS[AttemptResult.SUPERSEDED], None), *REFUSED[1:4]):
        assert check_of(result) is None


def test_what_is_recorded_before_publishing_is_what_is_recorded_after_it() -> None:
    assert check_of(PUBLISHED) == check_record(CHECKED, CHANGES)


def test_the_receipt_of_what_was_read_is_known_also_of_a_file_that_cannot_be_read() -> None:
    for result in (*RESULTS.values(), *(result for result, _ in REFUSED)):
        read_nothing = isinstance(result, SupersededHold)
        assert receipt_of(result) == (None if read_nothing else RECEIPT)
    assert receipt_of(Published(check_result=CHECKED, version=VERSION)) is None


def test_of_a_load_that_was_published_before_the_ledger_was_restored_no_check_is_made_up() -> None:
    found = AlreadyPublished(version=VERSION)
    assert attempt_result_of(found) is AttemptResult.PUBLISHED
    assert problem_of(found) is None
    assert check_of(found) is None
    assert version_of(found) == VERSION
    assert receipt_of(found) == Receipt(VERSION.sha256, VERSION.etag)


def test_a_load_that_was_held_is_held_for_the_same_reasons() -> None:
    hold = Hold(
        job_id=JobId("job-1"),
        held=ROWS,
        counts=Counts(4, 4, 0),
        changes=CHANGES,
        reasons=("Too many.",),
        held_at=NOW,
        expires_at=NOW,
        warnings=(WARNING,),
    )
    result = held_result(hold)
    assert (result.rows, result.reasons, result.changes) == (ROWS, ("Too many.",), CHANGES)
    check = check_of(result)
    assert check is not None
    assert (check.counts, check.warnings) == (hold.counts, hold.warnings)
