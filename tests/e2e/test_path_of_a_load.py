"""The path of a load through real processes, from the webhook to the callback."""

import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from dagster import DagsterRun, DagsterRunStatus, RunsFilter

from alumniq_pipelines.core.loads.load import JobId, LoadState, Origin
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.problems.api import LoadCanceledUnderway
from alumniq_pipelines.defs.tags import JOB_ID, NOTHING_DONE
from alumniq_pipelines.services import load_actions
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

HEADER = '"list","code","description","sortOrder","isActive"\n'


def a_file(rows: int, note: str = "Unit") -> str:
    """Return a good file of this many rows."""
    return HEADER + "".join(
        f'"unit","{code:07}","{note} {code}","{code}","true"\n' for code in range(rows)
    )


def test_a_good_file_is_published_and_notified_once(stack: Stack) -> None:
    stack.put("good.csv", a_file(100))
    job_id = stack.post("good.csv")
    assert stack.wait_for_callback(job_id) == {
        "jobId": job_id,
        "status": "SUCCESS",
        "errors": None,
        "executionCompleted": True,
    }
    assert stack.rows() == 100
    assert stack.load(job_id).state is LoadState.SUCCEEDED
    mails = stack.wait_for("the mail", lambda: stack.mails(job_id))
    assert len(mails) == len(stack.callbacks(job_id)) == 1


def test_a_file_with_bad_rows_fails_with_their_lines_and_is_not_tried_again(stack: Stack) -> None:
    before = _live(stack)
    stack.put("bad.csv", a_file(5) + '"unit","","No code","1","true"\n')
    job_id = stack.post("bad.csv")
    body = stack.wait_for_callback(job_id)
    assert body["status"] == "FAILED"
    assert body["executionCompleted"] is False
    assert "line 7" in " ".join(body["errors"])
    assert len(stack.ledger.attempts.of(job_id)) == 1
    assert stack.rows() == before, "The version before must stay live."


def test_an_outage_is_retried_until_it_passes_and_notified_once(stack: Stack) -> None:
    stack.put("away.csv", a_file(120))
    job_id = stack.post("away.csv")
    away = stack.folder.with_name("away")
    stack.folder.rename(away)
    try:
        stack.wait_for(
            "an attempt that fails",
            lambda: [
                attempt
                for attempt in stack.ledger.attempts.of(job_id)
                if attempt.result is AttemptResult.OUTAGE
            ],
        )
    finally:
        away.rename(stack.folder)
    assert stack.wait_for_callback(job_id)["status"] == "SUCCESS"
    assert stack.load(job_id).attempts > 1
    assert stack.rows() == 120
    assert len(stack.callbacks(job_id)) == 1


def test_the_same_webhook_twice_makes_two_loads_in_order(stack: Stack) -> None:
    stack.put("twice.csv", a_file(130))
    first, second = stack.post("twice.csv"), stack.post("twice.csv")
    assert first != second
    assert {stack.wait_for_callback(job_id)["status"] for job_id in (first, second)} == {"SUCCESS"}
    ended = [stack.load(job_id).ended_at for job_id in (first, second)]
    assert ended == sorted(ended, key=str)
    assert len(stack.callbacks(first)) == len(stack.callbacks(second)) == 1


def test_a_load_whose_worker_is_killed_still_ends_with_one_outcome(stack: Stack) -> None:
    stack.put("killed.csv", a_file(400_000))
    job_id = stack.post("killed.csv")
    os.kill(stack.worker_of(job_id), signal.SIGKILL)
    assert stack.wait_for_callback(job_id, seconds=90)["status"] == "SUCCESS"
    results = [attempt.result for attempt in stack.ledger.attempts.of(job_id)]
    assert results == [AttemptResult.LOST, AttemptResult.PUBLISHED]
    assert len(stack.callbacks(job_id)) == 1
    assert stack.rows() == 400_000


def test_a_power_cut_in_the_middle_of_a_load_loses_nothing(stack: Stack) -> None:
    stack.put("cut.csv", a_file(400_000))
    running = stack.post("cut.csv")
    worker = stack.worker_of(running)
    stack.kill("daemon")
    _kill(worker)
    waiting = stack.post("cut.csv")
    stack.start_daemon()
    assert stack.wait_for_callback(running, seconds=120)["status"] == "SUCCESS"
    assert stack.wait_for_callback(waiting, seconds=60)["status"] == "SUCCESS"
    assert len(stack.callbacks(running)) == len(stack.callbacks(waiting)) == 1
    assert {run.status for run in _runs(stack, running)} <= {
        DagsterRunStatus.SUCCESS,
        DagsterRunStatus.FAILURE,
    }


def test_a_load_canceled_in_its_line_is_not_carried_out(stack: Stack) -> None:
    """A canceled dry run was published for real, and the load behind it was superseded."""
    stack.put("slow.csv", a_file(400_000))
    slow = stack.post("slow.csv")
    stack.worker_of(slow)
    stack.put("trial.csv", a_file(399_000))
    dry_run = stack.post("trial.csv", dryRun=True)
    stack.cancel(dry_run)
    stack.put("real.csv", a_file(399_500))
    real = stack.post("real.csv")
    assert stack.wait_for_callback(dry_run)["status"] == "FAILED"
    assert stack.wait_for_callback(real, seconds=120)["status"] == "SUCCESS"
    assert stack.wait_for_callback(slow)["status"] == "SUCCESS"
    assert not _runs(stack, dry_run)
    assert stack.rows() == 399_500
    assert not [load for load in stack.ledger.loads.find() if load.request.origin is Origin.DAGSTER]
    assert len(stack.callbacks(dry_run)) == len(stack.callbacks(real)) == 1


def test_a_load_canceled_at_work_publishes_nothing_and_its_run_is_stopped(stack: Stack) -> None:
    before = _live(stack)
    stack.put("slow.csv", a_file(400_000))
    slow = stack.post("slow.csv")
    stack.worker_of(slow)
    stack.wait_for("its attempt", lambda: stack.load(slow).state is LoadState.RUNNING, seconds=60)
    stack.cancel(slow)
    assert stack.wait_for_callback(slow)["errors"] == [str(LoadCanceledUnderway())]
    stack.wait_for("the end of its run", lambda: _runs(stack, slow)[0].is_finished, seconds=90)
    [run] = _runs(stack, slow)
    # Stopped, unless it found first that its attempt is over.
    assert run.status is DagsterRunStatus.CANCELED or NOTHING_DONE in run.tags
    assert stack.rows() == before
    assert len(stack.callbacks(slow)) == 1


def test_a_load_that_removes_half_waits_for_approval_and_is_notified_once(stack: Stack) -> None:
    before = _live(stack)
    stack.put("half.csv", a_file(before // 2))
    job_id = stack.post("half.csv")
    stack.wait_for("the hold", lambda: stack.load(job_id).state is LoadState.HELD, seconds=90)
    assert stack.rows() == before
    load_actions.approve(stack.ledger, job_id, "A real cut.", "ada", datetime.now(UTC))
    assert stack.wait_for_callback(job_id, seconds=90)["status"] == "SUCCESS"
    assert stack.rows() == before // 2
    assert len(stack.callbacks(job_id)) == 1


def _runs(stack: Stack, job_id: JobId) -> Sequence[DagsterRun]:
    """List Dagster's runs of a load."""
    with stack.instance() as instance:
        return instance.get_runs(RunsFilter(tags={JOB_ID: job_id}))


def _live(stack: Stack) -> int:
    """Publish something, whichever test runs first."""
    if not (stack.settings.warehouse_dir / "iqu").exists():
        stack.put("first.csv", a_file(10))
        stack.wait_for_callback(stack.post("first.csv"))
    return stack.rows()


def _kill(pid: int) -> None:
    """Kill a process that may already be gone with its group."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
