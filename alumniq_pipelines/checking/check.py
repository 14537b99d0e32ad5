"""Check a received file, for a load or by itself: decompress → structure → stage → check."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alumniq_pipelines.checking.damage_counts import find_damaged_keys
from alumniq_pipelines.checking.decompress import Decoded, Limits, decode
from alumniq_pipelines.checking.diagnosis import hints
from alumniq_pipelines.checking.header import Header, read_header
from alumniq_pipelines.checking.lines_without_data import irregular_lines, regular_lines
from alumniq_pipelines.checking.quotation_marks import refuse_other_marks
from alumniq_pipelines.checking.reference_rows import NO_REFERENCE_SOURCES, ReferenceSources
from alumniq_pipelines.checking.references import ReferenceChecker
from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.checking.staging import Staging, open_staging
from alumniq_pipelines.checking.step_timer import StepTimer
from alumniq_pipelines.checking.structure.blocks import Layout, read_beginning
from alumniq_pipelines.checking.structure.scan import Structure, prove
from alumniq_pipelines.checking.suspect_cells import find_broken_cells
from alumniq_pipelines.checking.tally import RowViolation, Tally, Violation
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.check_result import MAX_REJECTIONS, CheckResult, Counts
from alumniq_pipelines.core.loads.warehouse import AcceptedRows
from alumniq_pipelines.core.problems.file import NoRows
from alumniq_pipelines.fault_points import FaultPoint, reach
from alumniq_pipelines.files.scratch import disk_errors_as_outage

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What a check is to leave behind beside its result.

    With `stores_rows` the rows are stored, in the file `database` or, if it is None, in memory;
    unless the structure of the file alone shows that more than `max_rejected` rows are rejected.
    `max_remembered` is how many rows are remembered for each violated rule.
    """

    stores_rows: bool = False
    database: Path | None = None
    max_rejected: int = sys.maxsize
    max_remembered: int = 0


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """The first rows of the file, in order, that are rejected for one violation.

    `numbers` belong to the rows as `RowViolation.number` does to a row.
    """

    violation: Violation
    rows: Positions
    numbers: Positions


@dataclass(kw_only=True)
class CheckState:
    """What was found so far in a file.

    `rejected` is a mask over the regular rows. Of each violation at most `max_remembered` rows are
    remembered.
    """

    structure: Structure
    rejected: Mask
    max_remembered: int
    tally: Tally = field(default_factory=Tally)
    rejected_rows: list[RejectedRows] = field(default_factory=list)
    remembered: Counter[Violation] = field(default_factory=Counter)

    def add(
        self, violation: Violation, rows: Positions, numbers: Positions | None, count: int
    ) -> None:
        """Add rows of the file that violate a rule, in order: the first of `count`."""
        numbers = np.zeros_like(rows) if numbers is None else numbers
        first = zip(rows[:MAX_REJECTIONS].tolist(), numbers[:MAX_REJECTIONS].tolist(), strict=True)
        self.tally.add(violation, [RowViolation(row, number) for row, number in first], count)
        left = self.max_remembered - self.remembered[violation]
        if violation.rejects and left > 0 and len(rows):
            # Copies: a slice would keep the whole batch in memory.
            remembered = RejectedRows(violation, rows[:left].copy(), numbers[:left].copy())
            self.rejected_rows.append(remembered)
            self.remembered[violation] += len(remembered.rows)

    def add_regular_rows(
        self, violation: Violation, rows: Positions, firsts: Positions | None = None
    ) -> None:
        """Add regular rows by index; `firsts` are the rows that had the key or value before them.

        Only as many as are shown or remembered are turned into row numbers of the file.
        """
        if violation.rejects:
            self.rejected[rows] = True
        limit = max(self.max_remembered, MAX_REJECTIONS)
        numbers = None if firsts is None else self.structure.rows_of_file(firsts[:limit])
        self.add(violation, self.structure.rows_of_file(rows[:limit]), numbers, len(rows))


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A file with its result; `staging` still has all regular rows, including the rejected."""

    decoded: Decoded
    header: Header
    check_result: CheckResult
    staging: Staging
    structure: Structure
    rejected: Mask
    rejected_rows: Sequence[RejectedRows]

    def accept(self, etag: str | None) -> AcceptedRows:
        """Delete all but the accepted rows from the database.

        They can be published as long as it is open if they are in memory, else once it is closed.
        """
        rows = self.staging.accept(self.rejected, gaps(self.structure, self.rejected))
        return AcceptedRows(
            database=self.staging.database,
            table=self.staging.field_map.asset_name,
            columns=self.staging.columns(self.header),
            rows=rows,
            sha256=self.decoded.sha256,
            etag=etag,
        )

    def export(self, path: Path) -> None:
        """Write the accepted rows to a CSV or Parquet file; call `accept` first."""
        self.staging.export(path)


def gaps(structure: Structure, rejected: Mask) -> dict[str, Positions]:
    """Return how many rows of the file were left out before which accepted row, counted from 0.

    Only the accepted rows at which that number grows are listed: the table is as short as the list
    of rows left out.
    """
    regular = structure.rows_of_file(np.flatnonzero(rejected))
    left_out = np.sort(np.concatenate([structure.irregular, regular]))
    # Row n of the file, the k-th left out (from 0), has n - 1 - k accepted rows before it. Rows
    # left out next to each other have equally many: of those only the last total counts.
    accepted_before = left_out - 1 - np.arange(len(left_out))
    offsets, counts = np.unique(accepted_before, return_counts=True)
    # "place" is a column of stored versions (docs/warehouse.md): it keeps its name.
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
    """Check a received file and yield it with its staged rows; raises FileProblem, OutageProblem.

    If rows are not to be stored, only the columns that checks need are staged. `reference_sources`
    have the rows of other feeds that its foreign keys refer to.
    """
    with disk_errors_as_outage():
        # A link of our own naming: DuckDB expands wildcards in a name, and takes an ending such as
        # .gz for a compression.
        safely_named = scratch / "received"
        if received != safely_named:
            safely_named.unlink(missing_ok=True)
            safely_named.symlink_to(received.absolute())
        with steps.step("decompress") as progress:
            decoded = decode(safely_named, scratch, limits, progress)
        reach(FaultPoint.DECOMPRESSED)
        beginning = read_beginning(decoded.path)
        header = read_header(beginning, field_map)
        refuse_other_marks(beginning, header, field_map)
        layout = Layout(header.delimiter, field_map.dialect.csv.quote_char, header.width)
        with steps.step("structure") as progress:
            structure = prove(decoded.path, layout, scratch / "regular", progress)
        with open_staging(field_map, scratch, options.database) as opened:
            with steps.step("stage"):
                staging = _stage(opened, structure, header, options)
            with steps.step("check"):
                state = CheckState(
                    structure=structure,
                    rejected=np.zeros(structure.rows, np.bool_),
                    max_remembered=options.max_remembered,
                )
                check_result = _check_rows(staging, state, header, reference_sources)
            reach(FaultPoint.CHECKED)
            yield CheckedFile(
                decoded=decoded,
                header=header,
                check_result=check_result,
                staging=staging,
                structure=structure,
                rejected=state.rejected,
                rejected_rows=state.rejected_rows,
            )


def _stage(
    staging: Staging, structure: Structure, header: Header, options: CheckOptions
) -> Staging:
    """Stage the regular rows of a file; raises NoRows."""
    if not structure.rows_read:
        raise NoRows
    # Nothing will be published with so many irregular rows: stage keys alone.
    if not options.stores_rows or len(structure.irregular) > options.max_rejected:
        staging = replace(staging, stores_rows=False)
    staging.stage(structure.text, header)
    staging.verify_row_count(structure.rows)
    return staging


def _check_rows(
    staging: Staging, state: CheckState, header: Header, reference_sources: ReferenceSources
) -> CheckResult:
    """Find the rejected rows among the staged ones, and return the result for the whole file."""
    structure, field_map = state.structure, staging.field_map
    for line_rule, positions in irregular_lines(structure, header.width):
        rows, values = structure.irregular[positions], structure.values[positions]
        state.add(Violation(line_rule), rows, values, len(rows))
    candidates = staging.collect_suspects()
    for line_rule, rows in regular_lines(structure, header, field_map, candidates):
        staging.ignore_cells(rows)
        state.add_regular_rows(Violation(line_rule), rows)
    for violation, rows in find_broken_cells(staging):
        state.add_regular_rows(violation, rows)
    for column, damage, rows in find_damaged_keys(staging):
        state.add_regular_rows(Violation(Rule.DAMAGED_KEY, column, damage=damage), rows)

    key = field_map.table_schema.primary_key
    unique = [Violation(Rule.PRIMARY_KEY, key=key)] if key else []
    unique += [
        Violation(Rule.UNIQUE, column, (column.name,))
        for column in field_map.columns
        # Of a key of one column, a repeated value is a repeated key: one fault, reported once.
        if column.constraints.unique and key != (column.name,)
    ]
    for violation in unique:
        for duplicates, firsts in staging.find_duplicates(violation.key):
            state.add_regular_rows(violation, duplicates, firsts)

    # References come last: within a file, only rows that are accepted so far may be referred to.
    references = ReferenceChecker(
        staging=staging, rejected=state.rejected, reference_sources=reference_sources
    )
    for violation, orphans in references.orphans():
        state.add_regular_rows(violation, orphans)

    accepted = structure.rows - int(np.count_nonzero(state.rejected))
    counts = Counts(structure.rows_read, accepted, structure.rows_read - accepted)
    notes = (*header.notes, *structure.notes, *references.notes)
    check_result = state.tally.check_result(counts, header.width, structure.lines_of, notes)
    diagnoses = (*references.hints, *hints(staging, structure, header, state.tally))
    return replace(check_result, hints=diagnoses, unchecked=tuple(references.notes))
