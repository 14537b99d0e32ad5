"""What the customer reads of an attempt, most important first."""

from alumniq_pipelines.attempting import Attempted
from alumniq_pipelines.core.outcome import AttemptResult
from alumniq_pipelines.core.problems.file import RowsRejected
from alumniq_pipelines.core.verdict import Cause, Counts, Verdict
from alumniq_pipelines.loading import LoadReport


def test_hints_stand_behind_the_problem_and_before_its_causes() -> None:
    causes = (Cause("type", "born", "`born` is not a date", 3, 2),)
    verdict = Verdict(Counts(4, 1, 3), causes=causes, hints=("It is one root.",))
    report = LoadReport(verdict, None, None, 0, "", {})
    refused = Attempted(1, AttemptResult.REFUSED, report, problem=RowsRejected(3, 4))
    assert refused.errors[1:] == (
        "It is one root.",
        "`born` is not a date (3 rows, first on line 2)",
    )
    assert Attempted(1, AttemptResult.PUBLISHED, report).errors == ()
