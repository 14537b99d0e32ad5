"""The spans of an attempt: its wait in the queue, and the attempt itself, in its load's trace."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import assert_never

from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.load_result import attempt_result_of, check_of
from alumniq_pipelines.core.loads.outcome import AttemptRecord
from alumniq_pipelines.services.attempt_outcome import (
    AttemptCompleted,
    AttemptFailed,
    AttemptOutcome,
)
from alumniq_pipelines.telemetry.log_fields import bind_fields, load_fields
from alumniq_pipelines.telemetry.tracing import ActiveSpan, Attributes, record_span, span


@contextmanager
def traced_attempt(
    load: Load, begun: AttemptRecord, past: Sequence[AttemptRecord]
) -> Iterator[ActiveSpan]:
    """Make the spans of an attempt that has begun; log lines name its load, too."""
    parent, fields = load.request.trace_context, load_fields(load)
    ended = [attempt.ended_at for attempt in past if attempt.ended_at]
    # Of an approved load, only the wait since its run was requested is known here.
    approved = load.requested_at if begun.number > 1 else None
    since = ended[-1] if ended else approved or load.accepted_at
    if begun.started_at is not None:
        record_span("wait in the queue", since, begun.started_at, fields, parent=parent)
    own = {**fields, "attempt": begun.number, "run_id": begun.run_id}
    with bind_fields(own), span("attempt", own, parent=parent) as current:
        yield current


def set_outcome(current: ActiveSpan, outcome: AttemptOutcome) -> None:
    """Add to a span how its attempt ended: counts and a code."""
    match outcome:
        case AttemptCompleted(result=result):
            check = check_of(result)
            counts: Attributes = {}
            if check is not None:
                counts = {
                    "rows_read": check.counts.rows_read,
                    "rows_accepted": check.counts.rows_accepted,
                    "rows_rejected": check.counts.rows_rejected,
                }
            current.set({"outcome": attempt_result_of(result), **counts})
        case AttemptFailed(problem=problem):
            current.set({"outcome": outcome.result})
            current.fail(problem.code)
        case _ as unreachable:
            assert_never(unreachable)
