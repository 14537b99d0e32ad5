"""Runs of loads that ended before the run began: they do nothing, unless a person started one."""

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import pytest

from alumniq_pipelines.adapters.ledger.attempts import Attempts
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, Origin, new_job_id
from alumniq_pipelines.core.loads.outcome import AttemptRecord, Outcome
from alumniq_pipelines.defs.tags import JOB_ID, NOTHING_DONE, tags_of
from tests.integration.dagster.conftest import FILE, HEADER, ROWS, TARGET, Installation

PARENT = "dagster/parent_run_id"
RETRY = "dagster/retry_number"
CANCELED = Outcome(LoadState.FAILED, ("Canceled.",))


def execute(
    installation: Installation, load: Load, **tags: str
) -> tuple[dg.ExecuteInProcessResult, dg.DagsterRun]:
    """Execute a run of a load with Dagster's own tags of a re-execution or a retry."""
    run = installation.execute(load, tags=tags_of(load, load.launch) | tags)
    stored = installation.instance.get_run_by_id(run.run_id)
    assert stored
    return run, stored


def canceled(installation: Installation, *, dry_run: bool = False) -> Load:
    """Accept a load and cancel it while its run waits in Dagster's queue."""
    now = datetime.now(UTC)
    request = LoadRequest(new_job_id(), TARGET, FILE, None, None, dry_run=dry_run)
    load = installation.ledger.loads.accept(request, now)
    assert installation.ledger.queue.request(load, now)
    assert installation.ledger.loads.end(load.job_id, CANCELED, (), now)
    return installation.again(load)


def loads_of(installation: Installation) -> list[Load]:
    return list(installation.ledger.loads.find(target=TARGET))


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("retried", [False, True])
def test_the_run_of_a_load_that_was_canceled_in_the_queue_does_nothing_and_shows_it(
    installation: Installation, *, dry_run: bool, retried: bool
) -> None:
    installation.put(HEADER + ROWS)
    load = canceled(installation, dry_run=dry_run)
    first, _ = execute(installation, load)
    tags = {PARENT: first.run_id, RETRY: "1"} if retried else {}
    run, stored = execute(installation, load, **tags)
    assert run.success
    assert not run.asset_materializations_for_node("feeds__warehouse_lookups")
    assert not run.get_asset_check_evaluations()
    assert stored.tags[NOTHING_DONE] == "load-ended"
    logged = [entry.user_message for entry in installation.instance.all_logs(run.run_id)]
    assert any(f"The load {load.job_id} ended before this run could" in line for line in logged)
    assert loads_of(installation) == [load]
    assert installation.ledger.versions.of(TARGET) == []


def test_the_load_behind_a_canceled_dry_run_is_the_one_that_is_published(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    dry_run, real = canceled(installation, dry_run=True), installation.accept()
    execute(installation, dry_run)
    assert installation.execute(real).success
    assert [version.job_id for version in installation.ledger.versions.of(TARGET)] == [real.job_id]


def test_a_person_who_executes_the_run_of_an_ended_load_again_gets_a_load_of_its_own(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    load = canceled(installation)
    first, _ = execute(installation, load)
    run, stored = execute(installation, load, **{PARENT: first.run_id})
    assert run.success
    [again] = [other for other in loads_of(installation) if other.job_id != load.job_id]
    assert again.request.origin is Origin.DAGSTER
    assert stored.tags[JOB_ID] == again.job_id
    assert [version.job_id for version in installation.ledger.versions.of(TARGET)] == [again.job_id]


def test_dagsters_own_retry_of_what_a_person_executed_again_makes_the_load_too(
    installation: Installation,
) -> None:
    """A worker that died before its step began left no load of its own behind."""
    installation.put(HEADER + ROWS)
    load = canceled(installation)
    first, _ = execute(installation, load)
    died = installation.instance.create_run_for_job(
        installation.definitions.resolve_job_def("load_warehouse_lookups"),
        tags=tags_of(load, load.launch) | {PARENT: first.run_id},
        parent_run_id=first.run_id,
        root_run_id=first.run_id,
    )
    execute(installation, load, **{PARENT: died.run_id, RETRY: "1"})
    assert len(loads_of(installation)) == 2


def test_a_dry_run_that_is_executed_again_stays_a_dry_run(installation: Installation) -> None:
    installation.put(HEADER + ROWS)
    load = canceled(installation, dry_run=True)
    first, _ = execute(installation, load)
    execute(installation, load, **{PARENT: first.run_id})
    [again] = [other for other in loads_of(installation) if other.job_id != load.job_id]
    assert again.request.dry_run
    assert installation.ledger.versions.of(TARGET) == []


def test_a_repeated_load_that_is_executed_again_reads_the_archived_file(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    first = installation.accept()
    installation.execute(first)
    request = replace(
        first.request, job_id=new_job_id(), origin=Origin.REPEAT, repeats=first.job_id
    )
    now = datetime.now(UTC)
    repeat = installation.ledger.loads.accept(request, now)
    assert installation.ledger.loads.end(repeat.job_id, CANCELED, (), now)
    installation.put("another file by now\n")
    run, _ = execute(installation, repeat)
    again, _ = execute(installation, repeat, **{PARENT: run.run_id})
    assert again.success
    assert loads_of(installation)[0].request.repeats == first.job_id


def test_a_load_that_ends_between_its_run_and_its_attempt_is_left_alone(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.put(HEADER + ROWS)
    load = installation.accept()
    begin = Attempts.begin

    def end_first(
        attempts: Attempts, begun: Load, run_id: str, now: datetime, *, launch: int = 0
    ) -> AttemptRecord | None:
        installation.ledger.loads.end(load.job_id, CANCELED, (), now)
        return begin(attempts, begun, run_id, now, launch=launch)

    monkeypatch.setattr(Attempts, "begin", end_first)
    run, stored = execute(installation, load)
    assert run.success
    assert stored.tags[NOTHING_DONE] == "load-ended"
    assert installation.ledger.versions.of(TARGET) == []


def test_the_retry_of_a_run_whose_load_is_done_makes_no_other_load(
    installation: Installation,
) -> None:
    """A person's run was killed after publishing; its retry loaded the file there by then."""
    installation.put(HEADER + ROWS)
    first, _ = execute(installation, canceled(installation))
    rerun, _ = execute(installation, loads_of(installation)[0], **{PARENT: first.run_id})
    again = loads_of(installation)[0]
    assert again.state is LoadState.SUCCEEDED
    known = len(loads_of(installation))
    _, stored = execute(installation, again, **{PARENT: rerun.run_id, RETRY: "1"})
    assert stored.tags[NOTHING_DONE] == "load-ended"
    assert len(loads_of(installation)) == known


def test_a_run_that_is_executed_again_drops_what_the_first_recorded_of_its_load(
    installation: Installation,
) -> None:
    installation.put(HEADER + ROWS)
    load = canceled(installation)
    first, stored = execute(installation, load)
    inherited = {PARENT: first.run_id, NOTHING_DONE: stored.tags[NOTHING_DONE]}
    _, again = execute(installation, load, **inherited)
    assert again.tags[NOTHING_DONE] == "no"
