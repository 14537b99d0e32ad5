"""The use case: fetch → decode → examine → stage → judge → compare → publish, free of Dagster."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.checking.reference_sources import LivePartners
from alumniq_pipelines.core.feeds.field_map import FieldMap, Threshold, Thresholds
from alumniq_pipelines.core.loads.archive import Archive
from alumniq_pipelines.core.loads.check_result import Counts, Verdict
from alumniq_pipelines.core.loads.diff import Changes, reasons_to_hold, would_be_held_note
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.outcome import CheckRecord
from alumniq_pipelines.core.loads.progress import Progress, unwatched
from alumniq_pipelines.core.loads.warehouse import AcceptedRows, LiveRows, Version, Warehouse
from alumniq_pipelines.files.private_files import make_folder
from alumniq_pipelines.services.load_files import Delivery, keep_rows, kept_rows

if TYPE_CHECKING:
    from alumniq_pipelines.checking.check import Judged, Steps

BeforePublish = Callable[["LoadReport"], None]
"""Records what is known of a load's file before it is published, or raises what ends the load."""

NEVER_HELD = Thresholds(added=Threshold(), changed=Threshold(), removed=Threshold())


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did.

    `version` is what it published, None where it was refused, held or superseded; where it
    `is_unchanged`, the live version made from the same bytes, which stays. `changes` are None on a
    first load, and where nothing could be published. `held` are the rows that wait for a person,
    for `reasons_held`; a dry run has reasons and holds nothing. A file that `is_good` could be
    published, if it was not a dry run.
    """

    verdict: Verdict
    version: Version | None
    superseded_by: int | None
    size_bytes: int
    sha256: str
    seconds: dict[str, float]
    changes: Changes | None = None
    is_unchanged: bool = False
    held: HeldRows | None = None
    reasons_held: tuple[str, ...] = ()
    is_good: bool = False


def unrecorded(report: LoadReport) -> None:
    """Record nothing before publishing: for loads that no ledger knows of."""
    del report


def run_load(  # noqa: PLR0913 - all that a load touches, by name
    load: Load,
    field_map: FieldMap,
    delivery: Delivery,
    warehouse: Warehouse,
    scratch: Path,
    *,
    max_rejected: int,
    now: datetime,
    thresholds: Thresholds = NEVER_HELD,
    before_publish: BeforePublish = unrecorded,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
    report_rows: int = 0,
) -> LoadReport:
    """Load one delivered file into its target.

    The file is read as it lies in the bucket now, all of one ETag, also where that is newer than
    the one the load was accepted for. Rows that break a rule are in the verdict; where more than
    `max_rejected` do, or no row is left, nothing is published and the live version stays. It stays,
    too, where it was made from the same bytes, and where more would change than `thresholds` let
    pass, or a column would lose all its values: then the rows are kept for a person's decision.
    Raises FileProblem for a file that cannot be read at all and OutageProblem for faults of ours.
    Harmless to repeat: a version already published by this load is answered again; a later one
    already live makes this load superseded. A dry run only judges. `before_publish` is called with
    all that is known of the file right before publishing; what it raises ends the attempt. The
    first `report_rows` rejected rows go into a rejection report, whatever becomes of the load.
    `scratch` is left empty.
    """
    from alumniq_pipelines.checking.check import Steps, room_told

    live = warehouse.live(load.target)
    if live is not None and live.number >= load.number and not load.request.dry_run:
        return _published_before(load, live)
    steps = Steps(progress or unwatched)
    with room_told(), _folder_in(scratch) as folder:
        report, accepted, before = _judged_and_compared(
            delivery, field_map, warehouse, folder, max_rejected, limits, steps, report_rows
        )
        if accepted is None:
            return report
        reasons = reasons_to_hold(report.changes, thresholds)
        if load.request.dry_run:
            return _tried(report, reasons)
        if before is not None and _is_the_same(report, before):
            return replace(report, version=before.version, is_unchanged=True)
        with steps.step("hold" if reasons else "publish"):
            if reasons:
                held = keep_rows(delivery.archive, load.job_id, field_map, accepted)
                told = (*reasons, *report.verdict.hints)
                return replace(report, held=held, reasons_held=told)
            before_publish(report)
            version = _published(load, field_map, warehouse, accepted, now)
    return _reported(report, version, load)


def completed_before(load: Load, check: CheckRecord, warehouse: Warehouse) -> LoadReport | None:
    """Return the report on a load that an attempt published before it was cut off, as recorded.

    None where no attempt came so far. A version may be published and not live any more: a later
    load, or a rollback, moved the pointer on.
    """
    own = warehouse.live(load.target)
    if own is None or own.number != load.number:
        kept = {version.number: version for version in warehouse.versions(load.target)}
        own = kept.get(load.number)
    if own is None:
        return None
    verdict = Verdict(check.counts, causes=check.causes, remarks=check.remarks)
    return LoadReport(verdict, own, None, 0, own.sha256, {}, check.changes)


def publish_held(
    load: Load,
    hold: Hold,
    archive: Archive,
    warehouse: Warehouse,
    scratch: Path,
    now: datetime,
    before_publish: BeforePublish = unrecorded,
) -> LoadReport:
    """Publish the rows of a held load, byte for byte and by the field map that they were judged by.

    Harmless to repeat; a later load already live makes this one superseded. Raises OutageProblem.
    """
    from alumniq_pipelines.checking.check import Steps, room_told

    steps, held = Steps(unwatched), hold.held
    with room_told(), _folder_in(scratch) as folder, steps.step("publish"):
        accepted = kept_rows(archive, load.job_id, held, folder / "rows.duckdb")
        before_publish(report_of_held(hold))
        version = _published(load, held.field_map, warehouse, accepted, now)
    report = replace(report_of_held(hold), seconds=steps.seconds, held=None, reasons_held=())
    return _reported(report, version, load)


def report_of_held(hold: Hold) -> LoadReport:
    """Report on a load as it was held."""
    verdict = Verdict(hold.counts, remarks=hold.remarks)
    report = LoadReport(verdict, None, None, 0, hold.held.sha256, {}, hold.changes)
    return replace(report, held=hold.held, reasons_held=hold.reasons)


def overtaken(number: int) -> LoadReport:
    """Report on a load that a later one makes needless; nothing is read."""
    return LoadReport(Verdict(Counts(0, 0, 0)), None, number, 0, "", {})


def _published_before(load: Load, live: Version) -> LoadReport:
    """Report on a load whose version, or a later one, is live already: nothing is read again."""
    superseded = live.number > load.number
    rows = 0 if superseded else live.rows
    return LoadReport(
        Verdict(Counts(rows, rows, 0)),
        None if superseded else live,
        live.number if superseded else None,
        size_bytes=0,
        sha256="" if superseded else live.sha256,
        seconds={},
    )


@contextmanager
def _folder_in(scratch: Path) -> Iterator[Path]:
    """Lend a new folder, and take it away with all that is in it."""
    make_folder(scratch)
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _judged_and_compared(
    delivery: Delivery,
    field_map: FieldMap,
    warehouse: Warehouse,
    folder: Path,
    max_rejected: int,
    limits: Limits,
    steps: "Steps",
    report_rows: int,
) -> tuple[LoadReport, AcceptedRows | None, LiveRows | None]:
    """Read a load's file: the report, what could be published, and what is live before that."""
    from alumniq_pipelines.checking.check import Purpose, judged

    received, database = folder / "received", folder / "rows.duckdb"
    purpose = Purpose(database, max_rejected, report_rows)
    partners = LivePartners(warehouse, delivery.load.target, folder / "partners")
    with steps.step("fetch"):
        delivery.fetch(received)
    with (
        delivery.kept(received),
        judged(received, field_map, folder, purpose, limits, steps, partners) as file,
    ):
        delivery.sha256 = file.decoded.sha256
        if file.broken:
            with steps.step("report"):
                _keep_report(file, delivery, report_rows, folder)
        report = _report(file, steps.seconds)
        counts = file.verdict.counts
        if not counts.rows_accepted or counts.rows_rejected > max_rejected:
            return report, None, None
        accepted = file.accept(database, delivery.etag)
        before = warehouse.live_rows(delivery.load.target, folder)
        if before is not None:
            with steps.step("compare"):
                hints = (*file.hints_beside(before), *report.verdict.hints)
                verdict = replace(report.verdict, hints=hints)
                report = replace(report, verdict=verdict, changes=file.compare(before))
    return replace(report, is_good=True), accepted, before


def _keep_report(file: "Judged", delivery: Delivery, most: int, folder: Path) -> None:
    from alumniq_pipelines.checking.rejection_report import write_report

    written = write_report(file, most, folder)
    if written is not None:
        delivery.report(written.csv, written.xlsx, written.summary.to_json())


def _report(file: "Judged", seconds: dict[str, float]) -> LoadReport:
    """Report on a file that was judged and not yet published."""
    decoded = file.decoded
    return LoadReport(file.verdict, None, None, decoded.size_bytes, decoded.sha256, seconds)


def _is_the_same(report: LoadReport, before: LiveRows) -> bool:
    """Whether the live version was made from the same bytes, and has the same rows."""
    same_rows = report.changes is not None and report.changes.are_none
    return same_rows and before.version.sha256 == report.sha256


def _tried(report: LoadReport, reasons: tuple[str, ...]) -> LoadReport:
    """Report on a dry run: a load of the file would be held for these reasons."""
    notes = tuple(would_be_held_note(reason) for reason in reasons)
    verdict = replace(report.verdict, notes=(*notes, *report.verdict.notes))
    return replace(report, verdict=verdict, reasons_held=reasons)


def _reported(report: LoadReport, version: Version, load: Load) -> LoadReport:
    """Add what is live now: the load's own version, or a later one that supersedes it."""
    if version.number > load.number:
        return replace(report, superseded_by=version.number)
    return replace(report, version=version)


def _published(
    load: Load, field_map: FieldMap, warehouse: Warehouse, accepted: AcceptedRows, now: datetime
) -> Version:
    return warehouse.publish(
        load.target, field_map, accepted, number=load.number, job_id=load.job_id, now=now
    )
