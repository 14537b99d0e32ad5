"""The step of a run: find its load, make one attempt, and report the result to Dagster.

Imported inside the run only: what loading needs (DuckDB, pandas) stays out of the definitions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import assert_never

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId, Load
from alumniq_pipelines.core.loads.load_result import (
    AlreadyPublished,
    DryRun,
    Held,
    Overtaken,
    Published,
    Refused,
    Rejected,
    Superseded,
    SupersededHold,
    Unchanged,
    errors_of,
)
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.problems.command import UnknownPartition
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.core.problems.problem import OutageProblem, Problem, cause_for_staff
from alumniq_pipelines.core.problems.run import (
    AttemptInterrupted,
    AttemptOver,
    LoadEnded,
    QueuedBehind,
    RunOutdated,
)
from alumniq_pipelines.defs.checks import check_results
from alumniq_pipelines.defs.interruptions import INTERRUPTIONS, is_canceling, on_interruption
from alumniq_pipelines.defs.metadata import load_metadata
from alumniq_pipelines.defs.run_records import launch_of
from alumniq_pipelines.defs.tags import (
    JOB_ID,
    NOTHING_DONE,
    PARENT_RUN,
    RETRY_NUMBER,
    tags_of,
)
from alumniq_pipelines.fault_points import FaultPoint, reach
from alumniq_pipelines.services.attempt import attempt, give_back, record_publication
from alumniq_pipelines.services.attempt_outcome import AttemptFailed, AttemptOutcome
from alumniq_pipelines.services.load_actions import accept_reload, accept_rerun
from alumniq_pipelines.services.load_context import LoadContext

StepEvents = Iterator[dg.AssetCheckResult | dg.MaterializeResult[None] | dg.Output[None]]


def step_events(
    context: dg.AssetExecutionContext,
    field_map: FieldMap,
    load_context: LoadContext,
    filename: str | None,
) -> StepEvents:
    """Make an attempt at the run's load; raises dg.Failure where nothing was published.

    Superseded or held, the load publishes nothing and the run succeeds. So does a run that has
    nothing to do, because its load has ended, has another run or must wait: it logs the reason and
    gets the tag NOTHING_DONE.
    """
    try:
        yield from _events(context, field_map, load_context, filename)
    except INTERRUPTIONS:
        # Dagster would execute the step again, in a process that is to stop.
        raise dg.Failure(str(AttemptInterrupted()), allow_retries=False) from None


def _events(
    context: dg.AssetExecutionContext,
    field_map: FieldMap,
    load_context: LoadContext,
    filename: str | None,
) -> StepEvents:
    try:
        load, launch = _load_of(context, field_map, load_context, filename)
        outcome = _attempt_unless_interrupted(context, load, launch, field_map, load_context)
    except (LoadEnded, RunOutdated, QueuedBehind, AttemptOver) as error:
        context.log.warning(str(error))
        context.instance.add_run_tags(context.run.run_id, {NOTHING_DONE: error.code})
        yield from _no_check_results(context)
        return
    except Problem as problem:
        allow_retries = isinstance(problem, OutageProblem)
        raise dg.Failure(str(cause_for_staff(problem)), allow_retries=allow_retries) from None
    yield from _outcome_events(context, load, outcome, load_context.public_urls)
    reach(FaultPoint.EVENTS_YIELDED)
    if outcome.is_publication:
        # Dagster knows of the new version by now; the customer is notified of it from here on.
        try:
            record_publication(load, outcome, load_context)
        except AttemptOver:
            context.log.warning("The reconcile sensor has recorded this publication already.")
        except LedgerUnavailable as problem:
            # The next attempt finds the version published and records that.
            raise dg.Failure(str(cause_for_staff(problem)), allow_retries=True) from None


def _attempt_unless_interrupted(
    context: dg.AssetExecutionContext,
    load: Load,
    launch: int,
    field_map: FieldMap,
    load_context: LoadContext,
) -> AttemptOutcome:
    """Make an attempt; give the load back and raise AttemptInterrupted if the worker is to stop.

    If Dagster stops the run, the attempt stays open: the reconcile sensor knows the reason.
    """
    run_id = context.run.run_id

    def give_load_back() -> None:
        if not is_canceling(context.instance, run_id):
            give_back(load, run_id, load_context)

    with on_interruption(give_load_back) as is_interrupted:
        interruptible = replace(load_context, is_interrupted=is_interrupted)
        try:
            return attempt(load, launch, run_id, field_map, interruptible)
        except INTERRUPTIONS:
            raise AttemptInterrupted from None


def _outcome_events(
    context: dg.AssetExecutionContext, load: Load, outcome: AttemptOutcome, public_urls: PublicUrls
) -> StepEvents:
    """Yield the events of an attempt; raises dg.Failure where nothing was published."""
    if isinstance(outcome, AttemptFailed):
        metadata = load_metadata(load, outcome.number, None, public_urls)
        raise _failure(outcome.errors, metadata, allow_retries=outcome.is_retryable)
    result = outcome.result
    metadata = load_metadata(load, outcome.number, result, public_urls)
    yield from check_results(context.asset_key, result, outcome.previous)
    match result:
        case Published() | Unchanged():
            yield dg.MaterializeResult(metadata=metadata)
        case AlreadyPublished():
            context.log.warning(
                "The version of this load is in the warehouse already: the ledger was restored "
                "from an older backup. It is recorded, and nothing is published again."
            )
            yield dg.MaterializeResult(metadata=metadata)
            yield from _no_check_results(context)
        case Superseded():
            context.log.warning(
                "The same file is live already, by a load accepted later: nothing is published."
            )
            yield from _no_check_results(context)
        case Held():
            context.log.warning(
                "The load is held for approval; the check `changes` has the reasons."
            )
        case DryRun():
            follow_up = "held for approval" if result.hold_reasons else "published"
            context.log.info("Dry run: the file was checked and would be %s.", follow_up)
        case Refused() | Rejected() | Overtaken() | SupersededHold():
            raise _failure(errors_of(result), metadata, allow_retries=False)
        case _ as unreachable:
            assert_never(unreachable)


def _load_of(
    context: dg.AssetExecutionContext,
    field_map: FieldMap,
    load_context: LoadContext,
    filename: str | None,
) -> tuple[Load, int]:
    """Return the load that the run works on and its launch.

    A run that a person started accepts a load of its own. Raises UnknownPartition, and LoadEnded if
    the run was made for a load that has ended and no person executed it again.
    """
    ledger, run = load_context.ledger, context.run
    load = ledger.loads.by_run(run.run_id)
    if load:
        # The tags of a run that accepted its load itself are older than the load.
        return load, launch_of(run) if run.tags.get(JOB_ID) == load.job_id else 0
    try:
        target = Target.from_partition_key(context.partition_key, field_map.name)
    except ValueError:
        raise UnknownPartition(context.partition_key) from None
    job_id = run.tags.get(JOB_ID)
    tagged = ledger.loads.get(JobId(job_id)) if job_id else None
    if tagged and tagged.target == target:
        if not tagged.is_final:
            return tagged, launch_of(run)
        if not _is_rerun(run, context.instance, ledger):
            raise LoadEnded(tagged.job_id, tagged.state)
        load = accept_rerun(ledger, tagged, filename, load_context.clock())
    else:
        load = accept_reload(ledger, target, filename, load_context.clock())
    # A run executed again has its parent's tags, and NOTHING_DONE is about the parent's load.
    tags = tags_of(load, load.launch)
    tags |= {NOTHING_DONE: "no"} if NOTHING_DONE in run.tags else {}
    context.instance.add_run_tags(run.run_id, tags)
    return load, load.launch


def _is_rerun(run: dg.DagsterRun, instance: dg.DagsterInstance, ledger: Ledger) -> bool:
    """Return whether a person executed this run again, or it is Dagster's retry of such a run.

    Both kinds name a parent; only Dagster's own retries have a number. A retry repeats what its
    parent was requested to do, so the first run of a chain of retries decides; but once one of the
    chain has made an attempt at a load, the request was for that load.
    """
    while RETRY_NUMBER in run.tags:
        parent = instance.get_run_by_id(run.tags.get(PARENT_RUN, ""))
        if parent is None or ledger.loads.by_run(parent.run_id):
            return False
        run = parent
    return PARENT_RUN in run.tags


def _no_check_results(context: dg.AssetExecutionContext) -> Iterator[dg.Output[None]]:
    """Yield the outputs of the asset's checks without a result, which Dagster requires.

    There is no check result to report: no file was checked.
    """
    asset_output = context.assets_def.get_output_name_for_asset_key(context.asset_key)
    for name in sorted(context.op_execution_context.selected_output_names - {asset_output}):
        yield dg.Output(None, output_name=name)


def _failure(
    errors: Sequence[str], metadata: dict[str, dg.MetadataValue], *, allow_retries: bool
) -> dg.Failure:
    return dg.Failure(
        errors[0],
        metadata=metadata | {"errors": dg.MetadataValue.text("\n".join(errors))},
        allow_retries=allow_retries,
    )
