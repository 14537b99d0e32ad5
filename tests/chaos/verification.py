"""What every customer was promised, compared with what happened, while the system still runs."""

from collections import Counter

from dagster import RunsFilter
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES  # has no public name

from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse
from tests.chaos.dagster_records import open_instance
from tests.chaos.evidence import gather_evidence
from tests.chaos.notices import check_notices
from tests.chaos.order import check_order
from tests.chaos.outcomes import check_outcomes
from tests.chaos.reported_counts import check_reported_counts
from tests.chaos.storm import Storm
from tests.chaos.summary import ChaosSummary
from tests.chaos.tables import check_tables


def verify_promises(storm: Storm) -> ChaosSummary:
    """Compare the promises with what happened."""
    system, evidence = storm.system, gather_evidence(storm)
    summary = ChaosSummary(strikes=Counter(storm.strikes.done))
    for record in system.fault_records.iterdir():
        summary.strikes[f"crash at {record.name.partition('.')[0]}"] += 1
    summary.counts["loads"] = len(evidence.loads)
    summary.counts["dry-runs"] = sum(load.request.dry_run for load in evidence.loads)
    summary.counts["held"] = len(evidence.holds)
    summary.counts["attempts"] = sum(load.attempts for load in evidence.loads)
    check_outcomes(evidence, summary)
    received = list(system.receiver.received)
    check_notices(evidence, received, system.settings.mail_dir, summary)
    check_reported_counts(evidence, system, summary)
    check_order(evidence, summary)
    check_tables(evidence, open_warehouse(system.settings), summary)
    check_leftovers(system.settings, summary)
    return summary


def check_leftovers(settings: Settings, summary: ChaosSummary) -> None:
    """Find files in the scratch folder, and runs that have not ended."""
    for path in settings.scratch_dir.glob("*"):
        summary.breach("left", f"{path.name} in the scratch folder")
    with open_instance(settings) as instance:
        for run in instance.get_runs(RunsFilter(statuses=NOT_FINISHED_STATUSES)):
            summary.breach("left", f"run {run.run_id} is {run.status.value}: {run.tags}")
