"""Every table shows all rows of one file, and only what was reported as published is stored."""

from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Version, Warehouse
from tests.chaos.evidence import Evidence
from tests.chaos.summary import ChaosSummary

ROWS_BY_FILE = "select description, count(*) from warehouse_lookups group by 1"


def check_tables(evidence: Evidence, warehouse: Warehouse, summary: ChaosSummary) -> None:
    """Find tables and versions that contradict the outcomes of their loads."""
    for target, loads in evidence.tables.items():
        recorded = evidence.versions[target]
        _check_versions(evidence, [*recorded, *warehouse.versions(target)], summary)
        published = [load for load in loads if _has_published(evidence, load)]
        for load in published:
            versions = [version for version in recorded if version.job_id == load.job_id]
            if len(versions) != 1:
                what = "doubled" if versions else "lost"
                summary.breach(what, f"{evidence.describe(load)} with {len(versions)} versions")
        _check_live(evidence, warehouse, target, published, summary)


def _has_published(evidence: Evidence, load: Load) -> bool:
    results = evidence.results(load)
    return load.state is LoadState.SUCCEEDED and AttemptResult.PUBLISHED in results


def _check_versions(evidence: Evidence, versions: list[Version], summary: ChaosSummary) -> None:
    """Check that no load has a version that was canceled, refused, or a dry run."""
    for job_id in {version.job_id for version in versions}:
        load = evidence.by_id[job_id]
        if load.state is not LoadState.SUCCEEDED or load.request.dry_run:
            summary.breach("wrong", f"{evidence.describe(load)}, and has a version")


def _check_live(
    evidence: Evidence,
    warehouse: Warehouse,
    target: Target,
    published: list[Load],
    summary: ChaosSummary,
) -> None:
    """Check what readers see: the newest success, unless its table was rolled back after it."""
    live = warehouse.live(target)
    if live is None:
        if published:
            summary.breach("lost", f"{target} has no live version")
        return
    _, rows = warehouse.query(target.customer, target.environment, ROWS_BY_FILE)
    sent = evidence.file_of(evidence.by_id[live.job_id])
    if [tuple(row) for row in rows] != [(sent.filename, sent.good_rows)]:
        text = f"{target} shows {rows}, not {sent.good_rows} of {sent.filename}"
        summary.breach("mixed", text)
    newest = published[-1] if published else None
    rolled_back_at = evidence.rollbacks.get(target, 0)
    if newest and live.job_id != newest.job_id:
        version = next(
            (found for found in evidence.versions[target] if found.job_id == newest.job_id), None
        )
        if version is None or version.published_at.timestamp() > rolled_back_at:
            text = f"{target} shows version {live.number}, and {evidence.describe(newest)}"
            summary.breach("mixed", text)
