"""What the customer reads of an attempt, most important first."""

from alumniq_pipelines.core.loads.check_result import Cause, CheckResult, Counts
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.problems.file import RowsRejected
from alumniq_pipelines.core.problems.live_data import LiveData
from alumniq_pipelines.services.attempt import AttemptOutcome
from alumniq_pipelines.services.load import LoadResult

REJECTED = RowsRejected(3, 4, LiveData.PREVIOUS)


def test_diagnoses_come_after_the_problem_and_before_its_causes() -> None:
    causes = (Cause("type", "born", "`born` is not a date", 3, 2),)
    check_result = CheckResult(Counts(4, 1, 3), causes=causes, hints=("It is one root.",))
    load_result = LoadResult(check_result, None, None, 0, "", {})
    refused = AttemptOutcome(1, AttemptResult.REFUSED, load_result, problem=REJECTED)
    assert refused.errors[1:] == (
        "It is one root.",
        "`born` is not a date (3 rows, first on line 2)",
    )
    assert AttemptOutcome(1, AttemptResult.PUBLISHED, load_result).errors == ()


def test_warnings_and_notes_on_rows_come_before_those_on_the_file() -> None:
    """Hints of a refused file are among its errors, and are not told twice."""
    remark = Cause("reference", "nation", "`nation` is no country", 3, 2, "warning")
    check_result = CheckResult(
        Counts(4, 4, 0),
        hints=("It lost zeros.",),
        notes=("A column is absent.",),
        remarks=(remark,),
    )
    load_result = LoadResult(check_result, None, None, 0, "", {})
    published = AttemptOutcome(1, AttemptResult.PUBLISHED, load_result)
    refused = AttemptOutcome(1, AttemptResult.REFUSED, load_result, problem=REJECTED)
    of_file = [(note.code, note.message) for note in published.remarks[1:]]
    assert published.remarks[0] == refused.remarks[0] == remark
    assert of_file == [("file", "It lost zeros."), ("file", "A column is absent.")]
    assert [note.message for note in refused.remarks[1:]] == ["A column is absent."]
