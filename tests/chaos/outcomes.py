"""Every accepted load has one outcome, and it is the right one for its file."""

from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from tests.chaos.evidence import Evidence
from tests.chaos.summary import ChaosSummary

CANCELED_WORDS = ("canceled", "stopped by our staff")


def check_outcomes(evidence: Evidence, summary: ChaosSummary) -> None:
    """Find loads that are lost, or whose outcome contradicts the file or a cancellation."""
    for job_id in sorted(set(evidence.accepted) - set(map(str, evidence.by_id))):
        summary.breach("lost", f"{job_id} was accepted, and the ledger has no such load")
    for load in evidence.loads:
        if not load.is_final:
            summary.breach("lost", f"{evidence.describe(load)} and never got an outcome")
        elif load.state is LoadState.SUCCEEDED:
            _check_success(evidence, load, summary)
        else:
            _check_failure(evidence, load, summary)


def _check_success(evidence: Evidence, load: Load, summary: ChaosSummary) -> None:
    if load.job_id in evidence.canceled:
        summary.breach("wrong", f"{evidence.describe(load)}, and was canceled")
    if not evidence.file_of(load).is_acceptable and not evidence.is_superseded(load):
        summary.breach("wrong", f"{evidence.describe(load)}, and its file has too many bad rows")


def _check_failure(evidence: Evidence, load: Load, summary: ChaosSummary) -> None:
    """Count why loads failed; a good file is refused only for a hold."""
    errors = " ".join(load.errors)
    was_canceled = any(words in errors for words in CANCELED_WORDS)
    if was_canceled:
        summary.counts["canceled"] += 1
    elif load.job_id in evidence.holds:
        summary.counts["not-approved"] += 1
    elif not evidence.file_of(load).is_acceptable:
        summary.counts["refused"] += 1
    elif AttemptResult.REFUSED in evidence.results(load):
        summary.breach("wrong", f"{evidence.describe(load)}, and its file is good")
    else:
        summary.counts["failed-by-us"] += 1
