"""What the customer reads of an attempt, most important first."""

from alumniq_pipelines.core.loads.check_result import Cause, Counts, Verdict
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.problems.file import RowsRejected
from alumniq_pipelines.core.problems.live_data import LiveData
from alumniq_pipelines.services.attempt import Attempted
from alumniq_pipelines.services.load import LoadReport

REJECTED = RowsRejected(3, 4, LiveData.PREVIOUS)


def test_hints_stand_behind_the_problem_and_before_its_causes() -> None:
    causes = (Cause("type", "born", "`born` is not a date", 3, 2),)
    verdict = Verdict(Counts(4, 1, 3), causes=causes, hints=("It is one root.",))
    report = LoadReport(verdict, None, None, 0, "", {})
    refused = Attempted(1, AttemptResult.REFUSED, report, problem=REJECTED)
    assert refused.errors[1:] == (
        "It is one root.",
        "`born` is not a date (3 rows, first on line 2)",
    )
    assert Attempted(1, AttemptResult.PUBLISHED, report).errors == ()


def test_what_rejected_nothing_is_told_of_rows_first_and_then_of_the_file() -> None:
    """Hints of a refused file are among its errors, and are not told twice."""
    remark = Cause("reference", "nation", "`nation` is no country", 3, 2, "warning")
    verdict = Verdict(
        Counts(4, 4, 0),
        hints=("It lost zeros.",),
        notes=("A column is absent.",),
        remarks=(remark,),
    )
    report = LoadReport(verdict, None, None, 0, "", {})
    published = Attempted(1, AttemptResult.PUBLISHED, report)
    refused = Attempted(1, AttemptResult.REFUSED, report, problem=REJECTED)
    of_file = [(each.code, each.message) for each in published.remarks[1:]]
    assert published.remarks[0] == refused.remarks[0] == remark
    assert of_file == [("file", "It lost zeros."), ("file", "A column is absent.")]
    assert [each.message for each in refused.remarks[1:]] == ["A column is absent."]
