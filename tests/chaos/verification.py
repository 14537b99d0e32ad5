"""What every customer was promised, compared with what happened."""

import json
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from email import message_from_bytes, policy

import dagster as dg
from dagster import RunsFilter
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES  # has no public name

from alumniq_pipelines.cli.dagster_storage import storage_environment
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.warehouse_wiring import open_warehouse
from tests.chaos.storm import Storm
from tests.servers.receiver import Received


@dataclass
class ChaosSummary:
    """Counts for the last line, and every breach of a promise in words."""

    counts: Counter[str] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)

    def breach(self, what: str, text: str) -> None:
        """Count a breach and add its description."""
        self.counts[what] += 1
        self.breaches.append(f"{what}: {text}")

    @property
    def line(self) -> str:
        """Return all counts in one line, for programs to read."""
        return " ".join(f"{name}={count}" for name, count in self.counts.items())


def verify_promises(storm: Storm) -> ChaosSummary:
    """Compare the promises with what happened, while the system is still running."""
    summary = ChaosSummary()
    loads = list(storm.system.ledger.loads.find(limit=100_000))
    summary.counts["kills"] = storm.kills.total()
    summary.counts["outages"] = storm.outages.total()
    summary.counts["loads"] = len(loads)
    summary.counts["attempts"] = sum(load.attempts for load in loads)
    for name in ("lost", "duplicated", "repeated", "mixed", "left"):
        summary.counts[name] = 0
    _every_load_has_ended(storm, loads, summary)
    _everybody_was_notified_once(storm, loads, summary)
    _the_newest_version_is_live(storm, loads, summary)
    _nothing_is_left(storm, summary)
    return summary


def _every_load_has_ended(storm: Storm, loads: list[Load], summary: ChaosSummary) -> None:
    known = {str(load.job_id) for load in loads}
    for job_id in storm.accepted.keys() - known:
        summary.breach("lost", f"{job_id} was accepted, and the ledger has no such load")
    for load in loads:
        if not load.is_final:
            summary.breach("lost", f"{load.job_id} never got an outcome: {load.state}")
        elif storm.sent[load.request.filename].is_good is (load.state is LoadState.FAILED):
            results = [attempt.result for attempt in storm.system.ledger.attempts.of(load.job_id)]
            if results[-1] is AttemptResult.OVERTAKEN:
                continue  # never checked: a later file was live by then
            if AttemptResult.REFUSED in results or load.state is LoadState.SUCCEEDED:
                summary.breach("wrong", f"{load.job_id} is {load.state} after {results}")
            else:
                summary.counts["failed-by-us"] += 1


def _everybody_was_notified_once(storm: Storm, loads: list[Load], summary: ChaosSummary) -> None:
    callbacks: dict[str, list[Received]] = defaultdict(list)
    for callback in list(storm.system.receiver.received):
        callbacks[json.loads(callback.body)["jobId"]].append(callback)
    mails: Counter[str] = Counter()
    for path in storm.system.settings.mail_dir.glob("*.eml"):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        mails[str(message["Message-ID"]).removeprefix("<msg_")[:35]] += 1
    for load in (load for load in loads if load.is_final):
        received = callbacks[load.job_id]
        ids = {callback.headers["webhook-id"] for callback in received}
        if not received or not mails[load.job_id]:
            summary.breach(
                "lost", f"{load.job_id}: {len(received)} callbacks, {mails[load.job_id]} mails"
            )
        if (
            len(ids) > 1
            or len({callback.body for callback in received}) > 1
            or mails[load.job_id] > 1
        ):
            summary.breach(
                "duplicated", f"{load.job_id} was notified as {ids}, {mails[load.job_id]} mails"
            )
        summary.counts["repeated"] += max(0, len(received) - 1)
        statuses = {json.loads(callback.body)["executionCompleted"] for callback in received}
        if statuses - {load.state is LoadState.SUCCEEDED}:
            summary.breach(
                "wrong", f"{load.job_id} is {load.state}, and its customer received {statuses}"
            )


def _the_newest_version_is_live(storm: Storm, loads: list[Load], summary: ChaosSummary) -> None:
    """Check that each table has the rows of one file, all of them, of the newest success."""
    newest: dict[str, Load] = {}
    for load in sorted(loads, key=lambda candidate: candidate.number):
        if load.state is LoadState.SUCCEEDED:
            newest[load.target.partition_key] = load
    sql = "select description, count(*) from warehouse_lookups group by 1"
    for load in newest.values():
        target = load.target
        _, rows = open_warehouse(storm.system.settings).query(
            target.customer, target.environment, sql
        )
        sent = storm.sent[load.request.filename]
        if [tuple(row) for row in rows] != [(sent.filename, sent.rows)]:
            summary.breach("mixed", f"{target} shows {rows}, not {sent.rows} of {sent.filename}")


def _nothing_is_left(storm: Storm, summary: ChaosSummary) -> None:
    settings = storm.system.settings
    for path in settings.scratch_dir.glob("*"):
        summary.breach("left", f"{path.name} in the scratch folder")
    os.environ.update(storage_environment(settings))  # dagster.yaml names the variable only
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        for run in instance.get_runs(RunsFilter(statuses=NOT_FINISHED_STATUSES)):
            summary.breach("left", f"run {run.run_id} is {run.status.value}")
