"""The loads of a table are done one at a time, in order of acceptance."""

from itertools import pairwise
from operator import itemgetter

from alumniq_pipelines.core.loads.load import Load, Origin
from tests.chaos.evidence import Evidence
from tests.chaos.summary import ChaosSummary


def check_order(evidence: Evidence, summary: ChaosSummary) -> None:
    """Find loads that overtook others, or were worked on at the same time."""
    for loads in evidence.tables.values():
        _check_publications(evidence, loads, summary)
        _check_superseded(evidence, loads, summary)
        _check_attempts(evidence, loads, summary)


def _check_publications(evidence: Evidence, loads: list[Load], summary: ChaosSummary) -> None:
    """Check that versions of loads that only waited their turn went live in their order."""
    in_line = {load.job_id for load in loads if evidence.is_in_line(load)}
    versions = [
        version for version in evidence.versions[loads[0].target] if version.job_id in in_line
    ]
    for earlier, later in pairwise(versions):
        if later.published_at < earlier.published_at:
            text = (
                f"version {later.number} of {later.target} was published at {later.published_at}, "
                f"before version {earlier.number} at {earlier.published_at}"
            )
            summary.breach("disordered", text)


def _check_superseded(evidence: Evidence, loads: list[Load], summary: ChaosSummary) -> None:
    """Check that a load was superseded only where people interfered with its table."""
    interfering = [
        load
        for load in loads
        if load.request.origin is not Origin.WEBHOOK or load.job_id in evidence.holds
    ]
    for load in loads:
        if not evidence.is_superseded(load):
            continue
        summary.counts["superseded"] += 1
        is_excused = (
            not evidence.is_in_line(load)
            or load.target in evidence.rollbacks
            or any(other.number > load.number for other in interfering)
        )
        if not is_excused:
            summary.breach("disordered", f"{evidence.describe(load)}: it was overtaken")


def _check_attempts(evidence: Evidence, loads: list[Load], summary: ChaosSummary) -> None:
    """Check that no attempt at a table began while another one could still write."""
    spans = [
        (attempt.started_at, attempt.ended_at or load.ended_at or attempt.started_at, load, attempt)
        for load in loads
        if not load.request.dry_run
        for attempt in evidence.attempts[load.job_id]
        if attempt.started_at
    ]
    spans.sort(key=itemgetter(0))
    for (_, end, load, attempt), (start, _, next_load, next_attempt) in pairwise(spans):
        if start < end:
            text = (
                f"attempt {next_attempt.number} of load {next_load.number} began at {start}, and "
                f"attempt {attempt.number} of load {load.number} ({attempt.result}) ended at {end}"
            )
            summary.breach("overlapping", f"{load.target}: {text}")
