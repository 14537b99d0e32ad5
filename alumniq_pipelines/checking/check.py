"""From a file to its verdict: decode → examine → stage → judge, the same for a load and a check."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alumniq_pipelines.checking.decompress import Decoded, Limits, decode
from alumniq_pipelines.checking.diagnosis import hints
from alumniq_pipelines.checking.diff import compare, find_lost_zeros
from alumniq_pipelines.checking.header import Header, read_header
from alumniq_pipelines.checking.hints import zeros_hint
from alumniq_pipelines.checking.reference_rows import NO_REFERENCE_SOURCES, ReferenceSources
from alumniq_pipelines.checking.references import ReferenceChecker
from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.checking.staging import Staging, open_staging
from alumniq_pipelines.checking.step_timer import StepTimer
from alumniq_pipelines.checking.structure.blocks import Layout, read_beginning
from alumniq_pipelines.checking.structure.scan import (
    RegularText,
    Structure,
    assume_regular,
    copy_regular,
    verify_regular,
)
from alumniq_pipelines.checking.tally import RowViolation, Tally, Violation
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap
from alumniq_pipelines.core.feeds.values import parse_value
from alumniq_pipelines.core.loads.check_result import MAX_REJECTIONS, CheckResult, Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.warehouse import AcceptedRows, LiveRows
from alumniq_pipelines.core.problems.file import NoRows
from alumniq_pipelines.core.problems.outage import ScratchUnavailable

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What a file is judged for, beside its verdict.

    Its rows are to be kept in the file `database`; not if that is None, and not once it is known
    before they are staged that more than `max_rejected` of them are rejected. Of each rule that is
    broken, `max_remembered` rows are remembered.
    """

    database: Path | None = None
    max_rejected: int = sys.maxsize
    max_remembered: int = 0


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """The first rows of the file, in order, that are rejected for one subject.

    `numbers` say more of each, as those of findings do.
    """

    violation: Violation
    rows: Positions
    numbers: Positions


@dataclass
class CheckState:
    """What was found so far in a file; of each violation at most `max_remembered` rows are kept."""

    structure: Structure
    rejected: Mask
    max_remembered: int
    tally: Tally = field(default_factory=Tally)
    rejected_rows: list[RejectedRows] = field(default_factory=list)
    remembered: Counter[Violation] = field(default_factory=Counter)

    def add(
        self, violation: Violation, rows: Positions, numbers: Positions | None, count: int
    ) -> None:
        """Add rows of the file that break a rule, in order: the first of `count`."""
        self.tally.add(violation, _row_violations(rows, numbers), count)
        left = self.max_remembered - self.remembered[violation]
        if violation.rejects and left > 0 and len(rows):
            first = rows[:left].copy()
            more = np.zeros_like(first) if numbers is None else numbers[:left].copy()
            self.rejected_rows.append(RejectedRows(violation, first, more))
            self.remembered[violation] += len(first)

    def add_regular_rows(
        self, violation: Violation, rows: Positions, firsts: Positions | None = None
    ) -> None:
        """Add regular rows by their places; `firsts` have the same key or value before them."""
        if violation.rejects:
            self.rejected[rows] = True
        max_remembered = max(self.max_remembered, MAX_REJECTIONS)
        numbers = None if firsts is None else self.structure.rows_of_file(firsts[:max_remembered])
        self.add(violation, self.structure.rows_of_file(rows[:max_remembered]), numbers, len(rows))


@dataclass(frozen=True)
class CheckedFile:
    """A file with its verdict; `staging` still holds all regular rows, also the rejected."""

    decoded: Decoded
    header: Header
    check_result: CheckResult
    staging: Staging
    structure: Structure
    rejected: Mask
    rejected_rows: Sequence[RejectedRows]

    def accept(self, database: Path, etag: str | None) -> AcceptedRows:
        """Leave only accepted rows in the database, ready to be published once it is closed."""
        rows = self.staging.accept(self.rejected, gaps(self.structure, self.rejected))
        table, columns = self.staging.field_map.asset_name, self.staging.columns(self.header)
        return AcceptedRows(database, table, columns, rows, self.decoded.sha256, etag)

    def compare(self, live: LiveRows) -> Changes:
        """Hold the accepted rows, once only they are left, against the live version's."""
        return compare(self.staging, live, self.header.sources)

    def live_hints(self, live: LiveRows) -> tuple[str, ...]:
        """Say what the live version lets suspect of the accepted rows."""
        lost = find_lost_zeros(self.staging, live)
        return tuple(zeros_hint(loss.column, loss.rows, loss.width) for loss in lost)

    def export(self, path: Path) -> None:
        """Write the accepted rows into a CSV or Parquet file, by the ending of its name."""
        self.staging.accept(self.rejected)
        self.staging.export(path)


@contextmanager
def disk_errors_as_outage() -> Iterator[None]:
    """Turn what the operating system says of a full or broken disk into an outage of ours."""
    try:
        yield
    except OSError as error:
        raise ScratchUnavailable(error.strerror or type(error).__name__) from None


def gaps(structure: Structure, rejected: Mask) -> dict[str, Positions]:
    """Tell how many rows of the file were left out before accepted rows, by place from 0.

    Only places where that number grows are listed, so it is short where few rows are left out.
    """
    regular = structure.rows_of_file(np.flatnonzero(rejected))
    left_out = np.sort(np.concatenate([structure.irregular, regular]))
    accepted_before = left_out - 1 - np.arange(len(left_out))
    offsets, counts = np.unique(accepted_before, return_counts=True)
    return {"place": offsets.astype(np.int64), "left_out": np.cumsum(counts).astype(np.int64)}


@contextmanager
def check_received_file(
    received: Path,
    field_map: FieldMap,
    scratch: Path,
    options: CheckOptions,
    limits: Limits,
    steps: StepTimer,
    reference_sources: ReferenceSources = NO_REFERENCE_SOURCES,
) -> Iterator[CheckedFile]:
    """Judge a received file and lend its staged rows; raises FileProblem and OutageProblem.

    Where rows are not to be kept, only what judging needs is staged at all. `reference_sources` are
    the rows of other feeds that its foreign keys refer to.
    """
    with disk_errors_as_outage():
        with steps.step("decode") as progress:
            decoded = decode(_link_under_safe_name(received, scratch), scratch, limits, progress)
        beginning = read_beginning(decoded.path)
        header = read_header(beginning, field_map)
        layout = Layout(header.delimiter, field_map.dialect.csv.quote_char, header.width)
        text = assume_regular(decoded.path, layout, beginning)
        with open_staging(field_map, scratch, options.database) as opened:
            regular_copy = scratch / "mended"
            staging, structure = _examine_and_stage(
                opened, text, header, regular_copy, options.max_rejected, steps
            )
            with steps.step("judge"):
                nothing_rejected = np.zeros(structure.rows, np.bool_)
                state = CheckState(structure, nothing_rejected, options.max_remembered)
                check_result = _check_rows(staging, state, header, reference_sources)
            yield CheckedFile(
                decoded,
                header,
                check_result,
                staging,
                structure,
                state.rejected,
                state.rejected_rows,
            )


def _link_under_safe_name(received: Path, scratch: Path) -> Path:
    """Link a file that somebody else named: whatever reads it may take a name for more than that.

    DuckDB takes wildcards for other files, and an ending such as .gz for a compression.
    """
    own = scratch / "received"
    if received != own:
        own.unlink(missing_ok=True)
        own.symlink_to(received.absolute())
    return own


def _examine_and_stage(
    staging: Staging,
    text: RegularText,
    header: Header,
    regular_copy: Path,
    max_rejected: int,
    steps: StepTimer,
) -> tuple[Staging, Structure]:
    """Examine and stage a file at the same time, since nearly every file proves to be regular.

    DuckDB leaves half of the machine idle; where the file is not regular, its work is thrown away.
    Where its shape alone rejects too many rows, none will be published, so they are not kept.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        attempt = pool.submit(staging.stage, text, header)
        try:
            with steps.step("examine") as progress:
                structure = verify_regular(text.path, text.layout, progress)
                if structure is None:
                    staging.cancel_staging(attempt)
                    structure = copy_regular(text.path, text.layout, regular_copy, progress)
            if not structure.rows_read:
                raise NoRows
            with steps.step("stage"):
                if structure.text == text:
                    attempt.result()
                else:
                    staging.cancel_staging(attempt)
                    if len(structure.irregular) > max_rejected:
                        staging = replace(staging, stores_rows=False)
                    staging.stage(structure.text, header)
        finally:
            staging.cancel_staging(attempt)
    staging.verify_row_count(structure.rows)
    return staging, structure


def _check_rows(
    staging: Staging, state: CheckState, header: Header, reference_sources: ReferenceSources
) -> CheckResult:
    """Judge what was staged: which of its rows are rejected, and the verdict on the whole file."""
    _add_irregular(state)
    _check_suspects(staging, state)
    _check_keys(staging, state)
    references = _check_references(staging, state, reference_sources)
    structure = state.structure
    accepted = structure.rows - int(np.count_nonzero(state.rejected))
    counts = Counts(structure.rows_read, accepted, structure.rows_read - accepted)
    notes = (*header.notes, *structure.notes, *references.notes)
    check_result = state.tally.check_result(counts, header.width, structure.lines_of, notes)
    diagnoses = (*references.hints, *hints(staging, structure, header, state.tally))
    return replace(check_result, hints=diagnoses, unchecked=tuple(references.notes))


def _add_irregular(state: CheckState) -> None:
    structure = state.structure
    for rule, is_such in (
        (Rule.BLANK_ROW, structure.values == 0),
        (Rule.RAGGED_ROW, structure.values != 0),
    ):
        rows, values = structure.irregular[is_such], structure.values[is_such]
        state.add(Violation(rule), rows, values, len(rows))


def _check_suspects(staging: Staging, state: CheckState) -> None:
    """Let pandera judge the cells that did not pass the screen."""
    for suspect_column, batches in staging.suspects():
        from alumniq_pipelines.checking.pandera_checks import check_cells
        from alumniq_pipelines.checking.pandera_schema import column_schema

        column = _with_strict_key(suspect_column, staging.field_map)
        schema = column_schema(column, required=staging.field_map.is_required(column))
        for batch in batches:
            rows = batch["row"].to_numpy()
            unreadable = np.zeros(len(rows), dtype=np.bool_)
            for rule, rejected_rows in check_cells(schema, batch["text"]):
                state.add_regular_rows(Violation(rule, column), rows[rejected_rows])
                if rule in {Rule.REQUIRED, Rule.TYPE}:
                    unreadable |= rejected_rows
            if not column.spec.takes_any_text:
                texts = batch["text"].to_numpy()
                right = zip(rows[~unreadable].tolist(), texts[~unreadable], strict=True)
                staging.store_values(
                    column, {row: parse_value(text, column) for row, text in right}
                )


def _with_strict_key(column: Column, field_map: FieldMap) -> Column:
    """Take every fault of a key's column for an error: rows without a key cannot be published."""
    if column.name not in field_map.table_schema.primary_key:
        return column
    strict = column.alumniq.model_copy(update={"severity": "error"})
    return column.model_copy(update={"alumniq": strict})


def _check_keys(staging: Staging, state: CheckState) -> None:
    """Reject rows whose key, or unique value, an earlier row has too."""
    for violation in _unique_constraints(staging.field_map):
        for rows, firsts in staging.find_duplicates(violation.key):
            state.add_regular_rows(violation, rows, firsts)


def _check_references(
    staging: Staging, state: CheckState, reference_sources: ReferenceSources
) -> ReferenceChecker:
    """Find rows whose foreign keys refer to nothing; answer what is told beside them."""
    references = ReferenceChecker(staging, state.rejected, reference_sources)
    for violation, rows in references.orphans():
        state.add_regular_rows(violation, rows)
    return references


def _unique_constraints(field_map: FieldMap) -> Iterator[Violation]:
    key = field_map.table_schema.primary_key
    if key:
        yield Violation(Rule.PRIMARY_KEY, key=key)
    for column in field_map.columns:
        if column.constraints.unique and key != (column.name,):
            yield Violation(Rule.UNIQUE, column, (column.name,))


def _row_violations(rows: Positions, numbers: Positions | None = None) -> list[RowViolation]:
    """Make findings of the first rows."""
    first = rows[:MAX_REJECTIONS].tolist()
    if numbers is None:
        return [RowViolation(row) for row in first]
    return [RowViolation(*pair) for pair in zip(first, numbers[: len(first)].tolist(), strict=True)]
