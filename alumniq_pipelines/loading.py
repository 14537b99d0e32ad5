"""The use case: fetch → decode → examine → stage → judge → publish, free of Dagster."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from alumniq_pipelines.adapters.decoding import DEFAULT_LIMITS, Limits
from alumniq_pipelines.core.bucket import Bucket, StoredFile, object_key
from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.load import Load
from alumniq_pipelines.core.problems.command import UnusableOutput
from alumniq_pipelines.core.problems.file import FileGone, FileProblem
from alumniq_pipelines.core.progress import Progress, unwatched
from alumniq_pipelines.core.verdict import Cause, Counts, Rejection, Verdict
from alumniq_pipelines.core.warehouse import AcceptedRows, Version, Warehouse

OUTPUT_SUFFIXES = (".csv", ".parquet")
"""What accepted rows can be written as."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did. `version` is None where nothing was published: refused or superseded."""

    verdict: Verdict
    version: Version | None
    superseded_by: int | None
    size_bytes: int
    sha256: str
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `alumniq check` answers.

    `errors` are the first in the file, at most MAX_REJECTIONS_KEPT; `errors_total` counts them all,
    and `causes` groups them. An unusable file has its faults in `errors`, and no rows.
    """

    outcome: Literal["clean", "rejected", "unusable"]
    rows_read: int
    rows_accepted: int
    rows_rejected: int
    errors: tuple[Rejection, ...] = ()
    notes: tuple[str, ...] = field(default=())
    causes: tuple[Cause, ...] = field(default=())
    errors_total: int = 0


def run_load(  # noqa: PLR0913 - all that a load touches, by name
    load: Load,
    field_map: FieldMap,
    bucket: Bucket,
    warehouse: Warehouse,
    scratch: Path,
    *,
    max_rejected: int,
    now: datetime,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> LoadReport:
    """Load one delivered file into its target.

    The file is read as it lies in the bucket now, all of one ETag, also where that is newer than
    the one the load was accepted for. Rows that break a rule are in the verdict; where more than
    `max_rejected` do, or no row is left, nothing is published and the live version stays. Raises
    FileProblem for a file that cannot be read at all and OutageProblem for faults of ours. Harmless
    to repeat: a version already published by this load is answered again; a later one already live
    makes this load superseded. Leaves nothing in `scratch`.
    """
    from alumniq_pipelines.judgement import Steps, judged, room_told

    live = warehouse.live(load.target)
    if live is not None and live.number >= load.number:
        return _published_before(load, live)
    steps = Steps(progress or unwatched)
    with room_told(), _folder_in(scratch) as folder:
        received, database = folder / "received", folder / "rows.duckdb"
        with steps.step("fetch"):
            stored = _fetched(load, bucket, received)
        with judged(received, field_map, folder, database, limits, steps) as file:
            counts = file.verdict.counts
            publishes = counts.rows_accepted > 0 and counts.rows_rejected <= max_rejected
            accepted = file.accept(database, stored.etag) if publishes else None
        version = None
        if accepted is not None:
            with steps.step("publish"):
                version = _published(load, field_map, warehouse, accepted, now)
    superseded = version is not None and version.number > load.number
    return LoadReport(
        file.verdict,
        None if superseded else version,
        version.number if version is not None and superseded else None,
        file.decoded.size_bytes,
        file.decoded.sha256,
        steps.seconds,
    )


def check_file(
    path: Path,
    field_map: FieldMap,
    output: Path | None = None,
    *,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> CheckReport:
    """Judge a local file as a load would, without any server.

    `output` (.csv or .parquet) gets the accepted rows as they would be published; it is written
    whole, or not at all where the file is unusable. Raises UnusableOutput, and OSError for a path
    that cannot be read.
    """
    from alumniq_pipelines.judgement import Steps, judged

    if output is not None and output.suffix.lower() not in OUTPUT_SUFFIXES:
        raise UnusableOutput(OUTPUT_SUFFIXES)
    path.open("rb").close()
    with tempfile.TemporaryDirectory(prefix="alumniq-check-") as scratch:
        folder = Path(scratch)
        database = folder / "rows.duckdb" if output else None
        try:
            with judged(
                path, field_map, folder, database, limits, Steps(progress or unwatched)
            ) as file:
                if output:
                    file.export(output)
        except FileProblem as problem:
            return _unusable(problem)
    verdict, counts = file.verdict, file.verdict.counts
    return CheckReport(
        "clean" if verdict.is_clean else "rejected",
        counts.rows_read,
        counts.rows_accepted,
        counts.rows_rejected,
        verdict.rejections,
        verdict.notes,
        verdict.causes,
        sum(cause.count for cause in verdict.causes),
    )


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
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _fetched(load: Load, bucket: Bucket, received: Path) -> StoredFile:
    filename = load.request.filename
    stored = bucket.fetch(object_key(load.target.environment, filename), received)
    if stored is None:
        raise FileGone(filename)
    return stored


def _published(
    load: Load, field_map: FieldMap, warehouse: Warehouse, accepted: AcceptedRows, now: datetime
) -> Version:
    return warehouse.publish(
        load.target, field_map, accepted, number=load.number, job_id=load.job_id, now=now
    )


def _unusable(problem: FileProblem) -> CheckReport:
    """Report on a file that cannot be judged row by row."""
    errors = tuple(
        Rejection(None, each.line, each.column, each.code, each.detail, each.advice)
        for each in problem.faults
    )
    return CheckReport("unusable", 0, 0, 0, errors, errors_total=len(errors))
