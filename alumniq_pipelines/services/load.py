"""The use case: fetch → decode → examine → stage → judge → compare → publish, free of Dagster."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.checking.reference_sources import LiveReferences
from alumniq_pipelines.core.feeds.field_map import FieldMap, Threshold, Thresholds
from alumniq_pipelines.core.loads.archive import Archive
from alumniq_pipelines.core.loads.check_result import CheckResult, Counts
from alumniq_pipelines.core.loads.diff import Changes, find_hold_reasons, would_be_held_note
from alumniq_pipelines.core.loads.hold import HeldRows, Hold
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.outcome import CheckRecord
from alumniq_pipelines.core.loads.progress import Progress, ignore_progress
from alumniq_pipelines.core.loads.warehouse import AcceptedRows, LiveRows, Version, Warehouse
from alumniq_pipelines.files.private_files import make_folder
from alumniq_pipelines.services.load_files import LoadFile, fetch_held_rows, store_held_rows

if TYPE_CHECKING:
    from alumniq_pipelines.checking.check import CheckedFile
    from alumniq_pipelines.checking.step_timer import StepTimer

BeforePublish = Callable[["LoadResult"], None]
"""Records what is known of a load's file before it is published, or raises what ends the load."""

NEVER_HELD = Thresholds(added=Threshold(), changed=Threshold(), removed=Threshold())


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load did.

    `version` is what it published, None where it was refused, held or superseded; where it
    `is_unchanged`, the live version made from the same bytes, which stays. `changes` are None on a
    first load, and where nothing could be published. `held` are the rows that wait for a person,
    for `reasons_held`; a dry run has reasons and holds nothing. A file that `is_publishable` could
    be published, if it was not a dry run.
    """

    check_result: CheckResult
    version: Version | None
    superseded_by: int | None
    size_bytes: int
    sha256: str
    seconds: dict[str, float]
    changes: Changes | None = None
    is_unchanged: bool = False
    held: HeldRows | None = None
    reasons_held: tuple[str, ...] = ()
    is_publishable: bool = False


def record_nothing(result: LoadResult) -> None:
    """Record nothing before publishing: for loads that no ledger knows of."""
    del result


def run_load(  # noqa: PLR0913 - all that a load touches, by name
    load: Load,
    field_map: FieldMap,
    load_file: LoadFile,
    warehouse: Warehouse,
    scratch: Path,
    *,
    max_rejected: int,
    now: datetime,
    thresholds: Thresholds = NEVER_HELD,
    before_publish: BeforePublish = record_nothing,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
    report_rows: int = 0,
) -> LoadResult:
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
    from alumniq_pipelines.checking.check import disk_errors_as_outage
    from alumniq_pipelines.checking.step_timer import StepTimer

    live = warehouse.live(load.target)
    if live is not None and live.number >= load.number and not load.request.dry_run:
        return _already_live_result(load, live)
    steps = StepTimer(progress or ignore_progress)
    with disk_errors_as_outage(), _temporary_folder(scratch) as folder:
        result, accepted, previous = _check_and_compare(
            load_file, field_map, warehouse, folder, max_rejected, limits, steps, report_rows
        )
        if accepted is None:
            return result
        reasons = find_hold_reasons(result.changes, thresholds)
        if load.request.dry_run:
            return _dry_run_result(result, reasons)
        if previous is not None and _is_identical(result, previous):
            return replace(result, version=previous.version, is_unchanged=True)
        with steps.step("hold" if reasons else "publish"):
            if reasons:
                held = store_held_rows(load_file.archive, load.job_id, field_map, accepted)
                reasons_and_hints = (*reasons, *result.check_result.hints)
                return replace(result, held=held, reasons_held=reasons_and_hints)
            before_publish(result)
            version = _publish(load, field_map, warehouse, accepted, now)
    return _with_live_version(result, version, load)


def find_published_result(
    load: Load, check: CheckRecord, warehouse: Warehouse
) -> LoadResult | None:
    """Return the report on a load that an attempt published before it was cut off, as recorded.

    None where no attempt came so far. A version may be published and not live any more: a later
    load, or a rollback, moved the pointer on.
    """
    own = warehouse.live(load.target)
    if own is None or own.number != load.number:
        retained = {version.number: version for version in warehouse.versions(load.target)}
        own = retained.get(load.number)
    if own is None:
        return None
    check_result = CheckResult(check.counts, causes=check.causes, remarks=check.remarks)
    return LoadResult(check_result, own, None, 0, own.sha256, {}, check.changes)


def publish_held(
    load: Load,
    hold: Hold,
    archive: Archive,
    warehouse: Warehouse,
    scratch: Path,
    now: datetime,
    before_publish: BeforePublish = record_nothing,
) -> LoadResult:
    """Publish the rows of a held load, byte for byte and by the field map that they were judged by.

    Harmless to repeat; a later load already live makes this one superseded. Raises OutageProblem.
    """
    from alumniq_pipelines.checking.check import disk_errors_as_outage
    from alumniq_pipelines.checking.step_timer import StepTimer

    steps, held = StepTimer(ignore_progress), hold.held
    with disk_errors_as_outage(), _temporary_folder(scratch) as folder, steps.step("publish"):
        accepted = fetch_held_rows(archive, load.job_id, held, folder / "rows.duckdb")
        before_publish(held_result(hold))
        version = _publish(load, held.field_map, warehouse, accepted, now)
    result = replace(held_result(hold), seconds=steps.seconds, held=None, reasons_held=())
    return _with_live_version(result, version, load)


def held_result(hold: Hold) -> LoadResult:
    """Report on a load as it was held."""
    check_result = CheckResult(hold.counts, remarks=hold.remarks)
    result = LoadResult(check_result, None, None, 0, hold.held.sha256, {}, hold.changes)
    return replace(result, held=hold.held, reasons_held=hold.reasons)


def superseded_result(number: int) -> LoadResult:
    """Report on a load that a later one makes needless; nothing is read."""
    return LoadResult(CheckResult(Counts(0, 0, 0)), None, number, 0, "", {})


def _already_live_result(load: Load, live: Version) -> LoadResult:
    """Report on a load whose version, or a later one, is live already: nothing is read again."""
    superseded = live.number > load.number
    rows = 0 if superseded else live.rows
    return LoadResult(
        CheckResult(Counts(rows, rows, 0)),
        None if superseded else live,
        live.number if superseded else None,
        size_bytes=0,
        sha256="" if superseded else live.sha256,
        seconds={},
    )


@contextmanager
def _temporary_folder(scratch: Path) -> Iterator[Path]:
    """Lend a new folder, and take it away with all that is in it."""
    make_folder(scratch)
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _check_and_compare(
    load_file: LoadFile,
    field_map: FieldMap,
    warehouse: Warehouse,
    folder: Path,
    max_rejected: int,
    limits: Limits,
    steps: "StepTimer",
    report_rows: int,
) -> tuple[LoadResult, AcceptedRows | None, LiveRows | None]:
    """Read a load's file: the report, what could be published, and what is live before that."""
    from alumniq_pipelines.checking.check import CheckOptions, check_received_file

    received, database = folder / "received", folder / "rows.duckdb"
    options = CheckOptions(database, max_rejected, report_rows)
    reference_sources = LiveReferences(warehouse, load_file.load.target, folder / "partners")
    with steps.step("fetch"):
        load_file.fetch(received)
    with (
        load_file.archive_when_checked(received),
        check_received_file(
            received, field_map, folder, options, limits, steps, reference_sources
        ) as file,
    ):
        load_file.sha256 = file.decoded.sha256
        if file.rejected_rows:
            with steps.step("report"):
                _save_rejection_report(file, load_file, report_rows, folder)
        result = _unpublished_result(file, steps.seconds)
        counts = file.check_result.counts
        if not counts.rows_accepted or counts.rows_rejected > max_rejected:
            return result, None, None
        accepted = file.accept(database, load_file.etag)
        previous = warehouse.live_rows(load_file.load.target, folder)
        if previous is not None:
            with steps.step("compare"):
                hints = (*file.live_hints(previous), *result.check_result.hints)
                check_result = replace(result.check_result, hints=hints)
                result = replace(result, check_result=check_result, changes=file.compare(previous))
    return replace(result, is_publishable=True), accepted, previous


def _save_rejection_report(
    file: "CheckedFile", load_file: LoadFile, max_rows: int, folder: Path
) -> None:
    from alumniq_pipelines.checking.rejection_report import write_report

    written = write_report(file, max_rows, folder)
    if written is not None:
        load_file.save_report(written.csv, written.xlsx, written.summary.to_json())


def _unpublished_result(file: "CheckedFile", seconds: dict[str, float]) -> LoadResult:
    """Report on a file that was judged and not yet published."""
    decoded = file.decoded
    return LoadResult(file.check_result, None, None, decoded.size_bytes, decoded.sha256, seconds)


def _is_identical(result: LoadResult, previous: LiveRows) -> bool:
    """Whether the live version was made from the same bytes, and has the same rows."""
    same_rows = result.changes is not None and result.changes.is_empty
    return same_rows and previous.version.sha256 == result.sha256


def _dry_run_result(result: LoadResult, reasons: tuple[str, ...]) -> LoadResult:
    """Report on a dry run: a load of the file would be held for these reasons."""
    notes = tuple(would_be_held_note(reason) for reason in reasons)
    check_result = replace(result.check_result, notes=(*notes, *result.check_result.notes))
    return replace(result, check_result=check_result, reasons_held=reasons)


def _with_live_version(result: LoadResult, version: Version, load: Load) -> LoadResult:
    """Add what is live now: the load's own version, or a later one that supersedes it."""
    if version.number > load.number:
        return replace(result, superseded_by=version.number)
    return replace(result, version=version)


def _publish(
    load: Load, field_map: FieldMap, warehouse: Warehouse, accepted: AcceptedRows, now: datetime
) -> Version:
    return warehouse.publish(
        load.target, field_map, accepted, number=load.number, job_id=load.job_id, now=now
    )
