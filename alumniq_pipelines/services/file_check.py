"""The use case: check a local file as a load would, without any server; free of Dagster."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.checking.reference_rows import NO_REFERENCE_SOURCES, ReferenceSources
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.check_result import Cause, Rejection
from alumniq_pipelines.core.loads.progress import Progress, ignore_progress
from alumniq_pipelines.core.problems.command import UnusableOutput
from alumniq_pipelines.core.problems.file import FileProblem
from alumniq_pipelines.files.output_file import move_into_place

OUTPUT_SUFFIXES = (".csv", ".parquet")
"""What accepted rows can be written as."""


@dataclass(frozen=True, slots=True)
class FileCheckResult:
    """What `alumniq check` answers.

    `errors` are the first in the file, at most MAX_REJECTIONS; `errors_total` counts them all,
    and `causes` groups them. `remarks` are what is wrong and rejects nothing, warnings first, and
    `notes` are on the whole file. An unusable file has its faults in `errors`, and no rows.
    """

    outcome: Literal["clean", "rejected", "unusable"]
    rows_read: int
    rows_accepted: int
    rows_rejected: int
    errors: tuple[Rejection, ...] = ()
    notes: tuple[str, ...] = field(default=())
    causes: tuple[Cause, ...] = field(default=())
    errors_total: int = 0
    remarks: tuple[Cause, ...] = field(default=())


def check_file(
    path: Path,
    field_map: FieldMap,
    output: Path | None = None,
    *,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
    reference_sources: ReferenceSources = NO_REFERENCE_SOURCES,
) -> FileCheckResult:
    """Judge a local file as a load would, without any server.

    `output` (.csv or .parquet) gets the accepted rows as they would be published; it is written
    whole, or not at all where the file is unusable. `reference_sources` are the rows of other feeds
    that its foreign keys refer to. Raises UnusableOutput and OutputNotWritable, and OSError for a
    path that cannot be read.
    """
    from alumniq_pipelines.checking.check import CheckOptions, check_received_file
    from alumniq_pipelines.checking.step_timer import StepTimer

    if output is not None and output.suffix.lower() not in OUTPUT_SUFFIXES:
        raise UnusableOutput(OUTPUT_SUFFIXES)
    path.open("rb").close()
    with tempfile.TemporaryDirectory(prefix="alumniq-check-") as scratch:
        folder = Path(scratch)
        database = folder / "rows.duckdb" if output else None
        try:
            steps = StepTimer(progress or ignore_progress)
            with check_received_file(
                path, field_map, folder, CheckOptions(database), limits, steps, reference_sources
            ) as file:
                if output:
                    exported = folder / f"exported{output.suffix.lower()}"
                    file.export(exported)
                    move_into_place(exported, output)
        except FileProblem as problem:
            return _unusable(problem)
    check_result, counts = file.check_result, file.check_result.counts
    return FileCheckResult(
        "clean" if check_result.is_clean else "rejected",
        counts.rows_read,
        counts.rows_accepted,
        counts.rows_rejected,
        check_result.rejections,
        (*check_result.hints, *check_result.notes),
        check_result.causes,
        sum(cause.count for cause in check_result.causes),
        check_result.remarks,
    )


def _unusable(problem: FileProblem) -> FileCheckResult:
    """Report on a file that cannot be judged row by row."""
    errors = tuple(
        Rejection(None, fault.line, fault.column, fault.code, fault.detail, fault.advice)
        for fault in problem.faults
    )
    return FileCheckResult("unusable", 0, 0, 0, errors, errors_total=len(errors))
