"""The step of a run: find its load, make one attempt, and say in Dagster's words how it went.

Imported inside the run only: what loading needs (DuckDB, pandas) stays out of the definitions.
"""

from collections.abc import Iterator

import dagster as dg

from alumniq_pipelines.attempting import Attempted, Means, accept_again, attempt
from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.load import JobId, Load
from alumniq_pipelines.core.outcome import AttemptResult
from alumniq_pipelines.core.problems.command import UnknownPartition
from alumniq_pipelines.core.problems.outage import AttemptsExhausted
from alumniq_pipelines.core.problems.problem import OutageProblem, Problem
from alumniq_pipelines.core.target import Target
from alumniq_pipelines.defs.checks import check_results
from alumniq_pipelines.defs.metadata import load_metadata
from alumniq_pipelines.defs.tags import JOB_ID, RETRY_NUMBER, tags_of

StepEvents = Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]


def step_events(
    context: dg.AssetExecutionContext,
    field_map: FieldMap,
    means: Means,
    filename: str | None,
) -> StepEvents:
    """Make an attempt at the run's load; raises dg.Failure where nothing was published.

    Superseded or held, the load publishes nothing and the run succeeds.
    """
    try:
        load = _load_of(context, field_map, means, filename)
        attempted = attempt(load, context.run.run_id, field_map, means)
    except Problem as problem:
        retried = isinstance(problem, OutageProblem) and not isinstance(problem, AttemptsExhausted)
        raise dg.Failure(str(problem), allow_retries=retried) from None
    yield from check_results(context.asset_key, attempted)
    metadata = load_metadata(load, attempted, means.gateway_url)
    if attempted.problem:
        raise _failure(attempted, metadata)
    if attempted.result is AttemptResult.SUPERSEDED:
        context.log.warning("A load accepted later is live already; this one publishes nothing.")
    elif attempted.result is AttemptResult.HELD:
        context.log.warning("The load is held for approval; the check `changes` has the reasons.")
    elif attempted.result is AttemptResult.JUDGED:
        context.log.info("A dry run: the file was judged and would be published.")
    else:
        yield dg.MaterializeResult(metadata=metadata)


def _load_of(
    context: dg.AssetExecutionContext, field_map: FieldMap, means: Means, filename: str | None
) -> Load:
    """Find the load that the run works on, or accept one for a run that was made by hand."""
    load = means.ledger.loads.by_run(context.run.run_id)
    if load:
        return load
    target = _target(context.partition_key, field_map)
    tags = context.run.tags
    tagged = means.ledger.loads.get(JobId(tags[JOB_ID])) if JOB_ID in tags else None
    if tagged and tagged.target == target and (not tagged.is_final or RETRY_NUMBER in tags):
        return tagged
    if tagged and filename is None:  # a run of an ended load, executed again by hand
        filename = tagged.request.filename
    load = accept_again(means.ledger, target, filename, means.clock())
    context.instance.add_run_tags(context.run.run_id, tags_of(load))
    return load


def _target(partition_key: str, field_map: FieldMap) -> Target:
    try:
        return Target.from_partition_key(partition_key, field_map.name)
    except ValueError:
        raise UnknownPartition(partition_key) from None


def _failure(attempted: Attempted, metadata: dict[str, dg.MetadataValue]) -> dg.Failure:
    errors = attempted.errors
    return dg.Failure(
        errors[0],
        metadata=metadata | {"errors": dg.MetadataValue.text("\n".join(errors))},
        allow_retries=attempted.may_be_retried,
    )
