"""The use case: check a local file as a load would, and compare it with what is live if asked."""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from alumniq_pipelines.checking.decompress import DEFAULT_LIMITS, Limits
from alumniq_pipelines.checking.reference_rows import NO_REFERENCE_SOURCES, ReferenceSources
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.baseline import NO_BASELINE, Baseline
from alumniq_pipelines.core.loads.check_result import Cause, Rejection
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.progress import Progress, ignore_progress
from alumniq_pipelines.core.loads.publication import (
    HoldRows,
    LoadTerms,
    PublicationDecision,
    is_publishable,
)
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.core.problems.command import UnusableOutput
from alumniq_pipelines.core.problems.file import FileProblem
from alumniq_pipelines.files.output_file import move_into_place

if TYPE_CHECKING:
    from alumniq_pipelines.checking.check import CheckedFile

OUTPUT_SUFFIXES = (".csv", ".parquet")
"""The formats in which accepted rows can be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTarget:
    """The target that a load of the file would be for, and what it is decided on by."""

    warehouse: Warehouse
    target: Target
    terms: LoadTerms
    baseline: Baseline = NO_BASELINE


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveComparison:
    """What would become of a load of the file into a target.

    `decision` is None if the load would be rejected: more rows are than `max_rejected`, or none is
    left. `changes` are None if it would be, and if nothing is live yet.
    """

    target: Target
    max_rejected: int
    decision: PublicationDecision | None
    changes: Changes | None = None

    @property
    def hold_reasons(self) -> tuple[str, ...]:
        """Why the load would be held for approval; empty if it would not be."""
        return self.decision.reasons if isinstance(self.decision, HoldRows) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheckResult:
    """The result of `alumniq check`.

    `errors` are the first in the file, at most MAX_REJECTIONS; `errors_total` counts all of them,
    and `causes` groups them. `warnings` are the warnings and notes that reject no rows, warnings
    first; `notes` are about the whole file. An unusable file has its faults in `errors`, and no
    rows. `live` is what would become of a load of it, None if that was not asked for, or no load
    could read it.
    """

    outcome: Literal["clean", "rejected", "unusable"]
    rows_read: int
    rows_accepted: int
    rows_rejected: int
    errors: tuple[Rejection, ...] = ()
    live: LiveComparison | None = None
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
    live_target: LiveTarget | None = None,
) -> FileCheckResult:
    """Check a local file as a load would, without any server.

    The accepted rows are written to `output` (.csv or .parquet) as they would be published: all of
    them, or none if the file is unusable. `reference_sources` has the rows of other feeds that
    foreign keys refer to. If `live_target` is given, the result says what would become of a load
    into it. Raises UnusableOutput and OutputNotWritable, WarehouseUnavailable, and OSError if the
    file cannot be read.
    """
    from alumniq_pipelines.checking.check import CheckOptions, check_received_file
    from alumniq_pipelines.checking.step_timer import StepTimer

    if output is not None and output.suffix.lower() not in OUTPUT_SUFFIXES:
        raise UnusableOutput(OUTPUT_SUFFIXES)
    path.open("rb").close()
    with tempfile.TemporaryDirectory(prefix="alumniq-check-") as scratch:
        folder = Path(scratch)
        options = CheckOptions(stores_rows=bool(output or live_target))
        live: LiveComparison | None = None
        try:
            steps = StepTimer(progress or ignore_progress)
            with check_received_file(
                path, field_map, folder, options, limits, steps, reference_sources
            ) as file:
                hints = file.check_result.hints
                if options.stores_rows:
                    file.accept(None)
                if live_target:
                    live, hints = _compare(file, live_target, folder)
                if output:
                    exported = folder / f"exported{output.suffix.lower()}"
                    file.export(exported)
                    move_into_place(exported, output)
        except FileProblem as problem:
            return _unusable_result(problem)
    check_result, counts = file.check_result, file.check_result.counts
    reasons = live.hold_reasons if live else ()
    # Where hints are reasons of a hold, they are not notes as well.
    notes = [hint for hint in hints if hint not in reasons]
    return FileCheckResult(
        outcome="clean" if check_result.is_clean else "rejected",
        rows_read=counts.rows_read,
        rows_accepted=counts.rows_accepted,
        rows_rejected=counts.rows_rejected,
        errors=check_result.rejections,
        live=live,
        notes=(*notes, *check_result.notes),
        causes=check_result.causes,
        errors_total=sum(cause.count for cause in check_result.causes),
        warnings=check_result.warnings,
    )


def _compare(
    file: "CheckedFile", live_target: LiveTarget, folder: Path
) -> tuple[LiveComparison, tuple[str, ...]]:
    """Decide on a load of the file, and return its hints, with those that live rows give."""
    from alumniq_pipelines.checking.comparison import compare_file
    from alumniq_pipelines.checking.step_timer import StepTimer

    terms, target = live_target.terms, live_target.target
    rejected = LiveComparison(target=target, max_rejected=terms.max_rejected, decision=None)
    if not is_publishable(file.check_result.counts, terms.max_rejected):
        return rejected, file.check_result.hints
    live = live_target.warehouse.live_rows(target, folder)
    # The bar on the terminal knows the steps of checking only.
    steps = StepTimer(ignore_progress)
    compared = compare_file(file, live, live_target.baseline, steps)
    decision = compared.decide(terms.thresholds)
    return replace(rejected, decision=decision, changes=compared.changes), compared.hints


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
