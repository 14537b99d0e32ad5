"""The use case: check a local file as a load would, without any server."""

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
"""The formats in which accepted rows can be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheckResult:
    """The result of `alumniq check`.

    `errors` are the first in the file, at most MAX_REJECTIONS; `errors_total` counts all of them,
    and `causes` groups them. `warnings` are the warnings and notes that reject no rows, warnings
    first; `notes` are about the whole file. An unusable file has its faults in `errors`, and no
    rows.
    """

    outcome: Literal["clean", "rejected", "unusable"]
    rows_read: int
    rows_accepted: int
    rows_rejected: int
    errors: tuple[Rejection, ...] = ()
    notes: tuple[str, ...] = field(default=())
    causes: tuple[Cause, ...] = field(default=())
    errors_total: int = 0
    warnings: tuple[Cause, ...] = field(default=())


def check_file(
    path: Path,
    field_map: FieldMap,
    output: Path | None = None,
    *,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
    reference_sources: ReferenceSources = NO_REFERENCE_SOURCES,
) -> FileCheckResult:
    """Check a local file as a load would, without any server.

    The accepted rows are written to `output` (.csv or .parquet) as they would be published: all of
    them, or none if the file is unusable. `reference_sources` has the rows of other feeds that
    foreign keys refer to. Raises UnusableOutput and OutputNotWritable, and OSError if the file
    cannot be read.
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
            return _unusable_result(problem)
    check_result, counts = file.check_result, file.check_result.counts
    return FileCheckResult(
        outcome="clean" if check_result.is_clean else "rejected",
        rows_read=counts.rows_read,
        rows_accepted=counts.rows_accepted,
        rows_rejected=counts.rows_rejected,
        errors=check_result.rejections,
        notes=(*check_result.hints, *check_result.notes),
        causes=check_result.causes,
        errors_total=sum(cause.count for cause in check_result.causes),
        warnings=check_result.warnings,
    )


def _unusable_result(problem: FileProblem) -> FileCheckResult:
    errors = tuple(
        Rejection(
            row=None,
            line=fault.line,
            column=fault.column,
            code=fault.code,
            message=fault.detail,
            advice=fault.advice,
        )
        for fault in problem.faults
    )
    return FileCheckResult(
        outcome="unusable",
        rows_read=0,
        rows_accepted=0,
        rows_rejected=0,
        errors=errors,
        errors_total=len(errors),
    )
