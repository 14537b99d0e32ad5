"""The use case: fetch → check → compare → decide → publish or hold, free of Dagster."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.checking.reference_sources import LiveReferences
from alumniq_pipelines.core.feeds.field_map import ColumnThresholds, FieldMap, Threshold, Thresholds
from alumniq_pipelines.core.loads.archive import Archive, Receipt
from alumniq_pipelines.core.loads.baseline import NO_BASELINE, Baseline
from alumniq_pipelines.core.loads.check_result import Cause, CheckResult
from alumniq_pipelines.core.loads.hold import Hold
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.load_result import (
    Held,
    LoadResult,
    Published,
    ReceivedFile,
    Refused,
    Rejected,
    SupersededHold,
    Unchanged,
    check_record,
    dry_run_result,
    held_result,
)
from alumniq_pipelines.core.loads.progress import Progress, ignore_progress
from alumniq_pipelines.core.loads.publication import (
    HoldRows,
    KeepLive,
    PublicationDecision,
    PublishRows,
    is_publishable,
)
from alumniq_pipelines.core.loads.rejection_report import not_written_note
from alumniq_pipelines.core.loads.warehouse import AcceptedRows, LiveRows, Version, Warehouse
from alumniq_pipelines.core.problems.file import FileProblem, RowsRejected
from alumniq_pipelines.core.problems.live_data import live_data
from alumniq_pipelines.core.problems.request import RequestProblem
from alumniq_pipelines.fault_points import FaultPoint, reach
from alumniq_pipelines.files.private_files import make_folder
from alumniq_pipelines.services.late_load import find_known_result, too_late_result
from alumniq_pipelines.services.load_files import LoadFile, fetch_held_rows, store_held_rows
from alumniq_pipelines.services.publication import BeforePublish, Publication, record_nothing

if TYPE_CHECKING:
    from alumniq_pipelines.checking.check import CheckedFile
    from alumniq_pipelines.checking.comparison import ComparedFile
    from alumniq_pipelines.checking.step_timer import StepTimer

NEVER_HELD = Thresholds(
    added=Threshold(),
    changed=Threshold(),
    removed=Threshold(),
    columns=ColumnThresholds(fill=100),
)


ROWS = "rows.duckdb"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Publishable:
    """A file that was checked and compared with the live version, and may be published."""

    check_result: CheckResult
    file: ReceivedFile
    accepted: AcceptedRows
    compared: "ComparedFile"


def run_load(  # noqa: PLR0913 - all that a load touches, by name
    load_file: LoadFile,
    field_map: FieldMap,
    warehouse: Warehouse,
    scratch: Path,
    *,
    max_rejected: int,
    now: datetime,
    thresholds: Thresholds = NEVER_HELD,
    baseline: Baseline = NO_BASELINE,
    attempt: int = 1,
    before_publish: BeforePublish = record_nothing,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
    report_rows: int = 0,
    unchanged_after: int | None = None,
) -> LoadResult:
    """Load one delivered file into its target; raises OutageProblem for faults of ours.

    The file is read as it is in the bucket now, all of one ETag, even if it is newer than the one
    that the load was accepted for. It is rejected if more than `max_rejected` rows break a rule or
    no row is left, and held if a column would lose all its values, or the load would change or lose
    more than `thresholds` allow against the live version and the `baseline`. Harmless to repeat: a
    version that this load published is returned again. Nothing is published if a load accepted
    later is live, or found its file live (the number `unchanged_after`). A dry run only checks.
    `before_publish` is called with all that is known of the file when the version is complete,
    right before it goes live; an exception from it ends the attempt. The first `report_rows`
    rejected rows go into a rejection report. `scratch` is left empty.
    """
    from alumniq_pipelines.checking.step_timer import StepTimer
    from alumniq_pipelines.files.scratch import disk_errors_as_outage

    load, live = load_file.load, warehouse.live(load_file.load.target)
    steps = StepTimer(progress or ignore_progress)
    with disk_errors_as_outage(), _new_folder(scratch) as folder, ExitStack() as in_memory:
        if known := find_known_result(load_file, live, unchanged_after, folder, steps):
            return known
        checked = _FileCheck(
            load_file=load_file,
            field_map=field_map,
            warehouse=warehouse,
            folder=folder,
            in_memory=in_memory,
            steps=steps,
            live=live,
            baseline=baseline,
            max_rejected=max_rejected,
            limits=limits,
            report_rows=report_rows,
        ).run()
        if isinstance(checked, Refused | Rejected):
            return checked
        decision, changes = checked.compared.decide(thresholds), checked.compared.changes
        if load.request.dry_run:
            found = checked.check_result
            return dry_run_result(decision, found, changes, checked.file, steps.seconds)
        publication = Publication(
            warehouse=warehouse, load=load, attempt=attempt, before_publish=before_publish, now=now
        )
        return _apply(decision, checked, load_file, field_map, publication, folder, steps)


def publish_held(
    load: Load,
    hold: Hold,
    archive: Archive,
    warehouse: Warehouse,
    scratch: Path,
    now: datetime,
    before_publish: BeforePublish = record_nothing,
    *,
    attempt: int = 1,
) -> Published | SupersededHold:
    """Publish the rows of a held load, byte for byte, with the field map that they were checked by.

    Harmless to repeat; superseded if a later load is live already. Raises OutageProblem.
    """
    from alumniq_pipelines.checking.step_timer import StepTimer
    from alumniq_pipelines.files.scratch import disk_errors_as_outage

    steps, held = StepTimer(ignore_progress), held_result(hold)
    with disk_errors_as_outage(), _new_folder(scratch) as folder, steps.step("publish"):
        accepted = fetch_held_rows(archive, load.job_id, held.rows, folder / ROWS)
        publication = Publication(
            warehouse=warehouse, load=load, attempt=attempt, before_publish=before_publish, now=now
        )
        check = check_record(held.check_result, held.changes)
        version = publication.publish(held.rows.field_map, accepted, check, None)
    if version.number > load.number:
        return SupersededHold(by=version.number, hold_reasons=hold.reasons)
    return Published(
        check_result=held.check_result,
        version=version,
        changes=held.changes,
        seconds=steps.seconds,
    )


@contextmanager
def _new_folder(scratch: Path) -> Iterator[Path]:
    """Yield a new folder in `scratch`, and delete it with its contents afterwards."""
    make_folder(scratch)
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FileCheck:
    """Reads the file of a load. Rows that the warehouse copies stay open until `in_memory` is."""

    load_file: LoadFile
    field_map: FieldMap
    warehouse: Warehouse
    folder: Path
    in_memory: ExitStack
    steps: "StepTimer"
    live: Version | None
    baseline: Baseline
    max_rejected: int
    limits: Limits
    report_rows: int

    def run(self) -> _Publishable | Rejected | Refused:
        """Fetch a load's file, check it, compare it with what is live, and archive it."""
        from alumniq_pipelines.checking.check import CheckOptions, check_received_file

        received, load_file = self.folder / "received", self.load_file
        try:
            with self.steps.step("fetch"):
                etag = load_file.fetch(received)
            reach(FaultPoint.FETCHED)
        except (FileProblem, RequestProblem) as problem:
            return Refused(problem=problem, receipt=None)
        options = CheckOptions(
            stores_rows=True,
            database=self.folder / ROWS if self.warehouse.moves_files else None,
            max_rejected=self.max_rejected,
            max_remembered=self.report_rows,
        )
        target = load_file.load.target
        references = LiveReferences(self.warehouse, target, self.folder / "references")
        places = received, self.field_map, self.folder
        sha256 = None
        try:
            with ExitStack() as opened:
                checking = check_received_file(
                    *places, options, self.limits, self.steps, references
                )
                file = opened.enter_context(checking)
                sha256 = file.decoded.sha256
                found = self._compare_with_live(file, etag)
                if isinstance(found, _Publishable) and options.database is None:
                    self.in_memory.push(opened.pop_all())
                return found
        except (FileProblem, RequestProblem) as problem:
            refusal = problem
        finally:
            # Archived even if checking failed, whatever the cause.
            receipt = load_file.archive_received(received, etag, sha256)
            reach(FaultPoint.ARCHIVED)
        return Refused(problem=refusal, receipt=receipt)

    def _compare_with_live(self, file: "CheckedFile", etag: str | None) -> _Publishable | Rejected:
        """Report what was rejected, and compare what is left with the live version."""
        load_file, live = self.load_file, self.live
        if not file.check_result.is_clean:
            with self.steps.step("report"):
                note = _save_report(file, load_file, self.report_rows, self.folder)
            file = replace(file, check_result=replace(file.check_result, report_note=note))
        decoded, counts = file.decoded, file.check_result.counts
        read = ReceivedFile(receipt=Receipt(decoded.sha256, etag), size_bytes=decoded.size_bytes)
        if is_publishable(counts, self.max_rejected):
            live_rows = self.warehouse.live_rows(load_file.load.target, self.folder)
            return _compare(file, read, live_rows, self.baseline, self.steps)
        state = live_data(load_file.load.number, live.number if live else None)
        return Rejected(
            problem=RowsRejected(counts.rows_rejected, counts.rows_read, state),
            check_result=file.check_result,
            file=read,
            seconds=self.steps.seconds,
        )


def _save_report(
    file: "CheckedFile", load_file: LoadFile, report_rows: int, folder: Path
) -> Cause | None:
    """Write and save the rejection report; return the note on it if it is not in the bucket."""
    from alumniq_pipelines.checking.rejection_report import write_report

    report = write_report(file, report_rows, folder)
    if report is None:
        return not_written_note()
    note = load_file.save_report(report.csv, report.xlsx, report.summary.to_json())
    reach(FaultPoint.REPORT_SAVED)
    return note


def _compare(
    file: "CheckedFile",
    read: ReceivedFile,
    live: LiveRows | None,
    baseline: Baseline,
    steps: "StepTimer",
) -> _Publishable:
    """Leave only the accepted rows in the database, and compare them with the live version."""
    from alumniq_pipelines.checking.comparison import compare_file

    accepted = file.accept(read.receipt.etag)
    compared = compare_file(file, live, baseline, steps)
    reach(FaultPoint.COMPARED)
    return _Publishable(
        check_result=replace(file.check_result, hints=compared.hints),
        file=read,
        accepted=accepted,
        compared=compared,
    )


def _apply(
    decision: PublicationDecision,
    checked: _Publishable,
    load_file: LoadFile,
    field_map: FieldMap,
    publication: Publication,
    folder: Path,
    steps: "StepTimer",
) -> LoadResult:
    """Publish or hold what was checked, or keep what is live, as was decided."""
    from alumniq_pipelines.checking.accepted_rows import write_to_file

    load, check_result, compared = load_file.load, checked.check_result, checked.compared
    match decision:
        case KeepLive(live=live, changes=no_changes):
            return Unchanged(
                check_result=check_result,
                live=live,
                changes=no_changes,
                file=checked.file,
                seconds=steps.seconds,
            )
        case HoldRows(changes=unusual, reasons=reasons):
            with steps.step("hold"):
                accepted = write_to_file(checked.accepted, folder / ROWS)
                rows = store_held_rows(load_file.archive, load.job_id, field_map, accepted)
            reach(FaultPoint.HELD_ROWS_STORED)
            return Held(
                check_result=check_result,
                changes=unusual,
                rows=rows,
                reasons=reasons,
                file=checked.file,
                profile=compared.profile,
                seconds=steps.seconds,
            )
        case PublishRows():
            with steps.step("publish"):
                check = check_record(check_result, compared.changes, profile=compared.profile)
                receipt = checked.file.receipt
                version = publication.publish(field_map, checked.accepted, check, receipt)
            if version.number > load.number:
                receipt = checked.file.receipt
                return too_late_result(receipt, version.sha256, later=version.number)
            return Published(
                check_result=check_result,
                version=version,
                changes=compared.changes,
                file=checked.file,
                seconds=steps.seconds,
            )
    assert_never(decision)
