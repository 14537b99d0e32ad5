"""From a file to its verdict: decode → examine → stage → judge, the same for a load and a check."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alumniq_pipelines.checking.decompress import Decoded, Limits, decode
from alumniq_pipelines.checking.diagnosis import hints
from alumniq_pipelines.checking.diff import compare, zeros_lost
from alumniq_pipelines.checking.header import Header, read_header
from alumniq_pipelines.checking.hints import zeros_hint
from alumniq_pipelines.checking.reference_rows import NO_PARTNERS, Partners
from alumniq_pipelines.checking.references import Referring
from alumniq_pipelines.checking.rules import Rule
from alumniq_pipelines.checking.staging import Staging, open_staging
from alumniq_pipelines.checking.structure.blocks import Layout, read_beginning
from alumniq_pipelines.checking.structure.scan import (
    RegularText,
    Structure,
    as_it_is,
    mend,
    prove,
)
from alumniq_pipelines.checking.tally import Finding, Subject, Tally
from alumniq_pipelines.core.feeds.field_map import Column, FieldMap
from alumniq_pipelines.core.feeds.values import value_of
from alumniq_pipelines.core.loads.check_result import MAX_REJECTIONS_KEPT, Counts, Verdict
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.progress import Progress
from alumniq_pipelines.core.loads.warehouse import AcceptedRows, LiveRows
from alumniq_pipelines.core.problems.file import NoRows
from alumniq_pipelines.core.problems.outage import ScratchUnavailable

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]


@dataclass
class Steps:
    """Times the steps of a load, and tells of their progress."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[float], None]]:
        """Time a step; what is lent takes the fraction that is done."""
        began = time.perf_counter()
        self.progress(name, 0.0)
        yield lambda fraction: self.progress(name, fraction)
        self.seconds[name] = round(time.perf_counter() - began, 3)
        self.progress(name, 1.0)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a file is judged for, beside its verdict.

    Its rows are to be kept in the file `database`; not if that is None, and not once it is known
    before they are staged that more than `most_rejected` of them are rejected. Of each rule that is
    broken, `most_remembered` rows are remembered.
    """

    database: Path | None = None
    most_rejected: int = sys.maxsize
    most_remembered: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """The first rows of the file, in order, that are rejected for one subject.

    `numbers` say more of each, as those of findings do.
    """

    subject: Subject
    rows: Positions
    numbers: Positions


@dataclass
class Trial:
    """What comes to light while a file is judged; of each subject `most` rows are remembered."""

    structure: Structure
    rejected: Mask
    most: int
    tally: Tally = field(default_factory=Tally)
    broken: list[Broken] = field(default_factory=list)
    remembered: Counter[Subject] = field(default_factory=Counter)

    def add(self, subject: Subject, rows: Positions, numbers: Positions | None, count: int) -> None:
        """Add rows of the file that break a rule, in order: the first of `count`."""
        self.tally.add(subject, _findings(rows, numbers), count)
        left = self.most - self.remembered[subject]
        if subject.rejects and left > 0 and len(rows):
            first = rows[:left].copy()
            more = np.zeros_like(first) if numbers is None else numbers[:left].copy()
            self.broken.append(Broken(subject, first, more))
            self.remembered[subject] += len(first)

    def add_regular(
        self, subject: Subject, rows: Positions, firsts: Positions | None = None
    ) -> None:
        """Add regular rows by their places; `firsts` have the same key or value before them."""
        if subject.rejects:
            self.rejected[rows] = True
        most = max(self.most, MAX_REJECTIONS_KEPT)
        numbers = None if firsts is None else self.structure.rows_of_file(firsts[:most])
        self.add(subject, self.structure.rows_of_file(rows[:most]), numbers, len(rows))


@dataclass(frozen=True)
class Judged:
    """A file with its verdict; `staging` still holds all regular rows, also the rejected."""

    decoded: Decoded
    header: Header
    verdict: Verdict
    staging: Staging
    structure: Structure
    rejected: Mask
    broken: Sequence[Broken]

    def accept(self, database: Path, etag: str | None) -> AcceptedRows:
        """Leave only accepted rows in the database, ready to be published once it is closed."""
        rows = self.staging.accept(self.rejected, gaps(self.structure, self.rejected))
        table, columns = self.staging.field_map.asset_name, self.staging.columns(self.header)
        return AcceptedRows(database, table, columns, rows, self.decoded.sha256, etag)

    def compare(self, live: LiveRows) -> Changes:
        """Hold the accepted rows, once only they are left, against the live version's."""
        return compare(self.staging, live, self.header.sources)

    def hints_beside(self, live: LiveRows) -> tuple[str, ...]:
        """Say what the live version lets suspect of the accepted rows."""
        lost = zeros_lost(self.staging, live)
        return tuple(zeros_hint(each.column, each.rows, each.width) for each in lost)

    def export(self, path: Path) -> None:
        """Write the accepted rows into a CSV or Parquet file, by the ending of its name."""
        self.staging.accept(self.rejected)
        self.staging.export(path)


@contextmanager
def room_told() -> Iterator[None]:
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
    places, counts = np.unique(accepted_before, return_counts=True)
    return {"place": places.astype(np.int64), "left_out": np.cumsum(counts).astype(np.int64)}


@contextmanager
def judged(
    received: Path,
    field_map: FieldMap,
    scratch: Path,
    purpose: Purpose,
    limits: Limits,
    steps: Steps,
    partners: Partners = NO_PARTNERS,
) -> Iterator[Judged]:
    """Judge a received file and lend its staged rows; raises FileProblem and OutageProblem.

    Where rows are not to be kept, only what judging needs is staged at all. `partners` are the rows
    of other feeds that its foreign keys refer to.
    """
    with room_told():
        with steps.step("decode") as progress:
            decoded = decode(_named_by_us(received, scratch), scratch, limits, progress)
        beginning = read_beginning(decoded.path)
        header = read_header(beginning, field_map)
        layout = Layout(header.delimiter, field_map.dialect.csv.quote_char, header.width)
        text = as_it_is(decoded.path, layout, beginning)
        with open_staging(field_map, scratch, purpose.database) as opened:
            mended = scratch / "mended"
            staging, structure = _staged(opened, text, header, mended, purpose.most_rejected, steps)
            with steps.step("judge"):
                none = np.zeros(structure.rows, np.bool_)
                trial = Trial(structure, none, purpose.most_remembered)
                verdict = _verdict(staging, trial, header, partners)
            yield Judged(decoded, header, verdict, staging, structure, trial.rejected, trial.broken)


def _named_by_us(received: Path, scratch: Path) -> Path:
    """Link a file that somebody else named: whatever reads it may take a name for more than that.

    DuckDB takes wildcards for other files, and an ending such as .gz for a compression.
    """
    own = scratch / "received"
    if received != own:
        own.unlink(missing_ok=True)
        own.symlink_to(received.absolute())
    return own


def _staged(
    staging: Staging,
    text: RegularText,
    header: Header,
    mended: Path,
    most_rejected: int,
    steps: Steps,
) -> tuple[Staging, Structure]:
    """Examine and stage a file at the same time, since nearly every file proves to be regular.

    DuckDB leaves half of the machine idle; where the file is not regular, its work is thrown away.
    Where its shape alone rejects too many rows, none will be published, so they are not kept.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        attempt = pool.submit(staging.stage, text, header)
        try:
            with steps.step("examine") as progress:
                structure = prove(text.path, text.layout, progress)
                if structure is None:
                    staging.give_up(attempt)
                    structure = mend(text.path, text.layout, mended, progress)
            if not structure.rows_read:
                raise NoRows
            with steps.step("stage"):
                if structure.text == text:
                    attempt.result()
                else:
                    staging.give_up(attempt)
                    if len(structure.irregular) > most_rejected:
                        staging = replace(staging, keeps_rows=False)
                    staging.stage(structure.text, header)
        finally:
            staging.give_up(attempt)
    staging.confirm(structure.rows)
    return staging, structure


def _verdict(staging: Staging, trial: Trial, header: Header, partners: Partners) -> Verdict:
    """Judge what was staged: which of its rows are rejected, and the verdict on the whole file."""
    _add_irregular(trial)
    _judge_suspects(staging, trial)
    _judge_keys(staging, trial)
    references = _judge_references(staging, trial, partners)
    structure = trial.structure
    accepted = structure.rows - int(np.count_nonzero(trial.rejected))
    counts = Counts(structure.rows_read, accepted, structure.rows_read - accepted)
    notes = (*header.notes, *structure.notes, *references.notes)
    verdict = trial.tally.verdict(counts, header.width, structure.lines_of, notes)
    told = (*references.hints, *hints(staging, structure, header, trial.tally))
    return replace(verdict, hints=told, unchecked=tuple(references.notes))


def _add_irregular(trial: Trial) -> None:
    structure = trial.structure
    for rule, is_such in (
        (Rule.BLANK_ROW, structure.values == 0),
        (Rule.RAGGED_ROW, structure.values != 0),
    ):
        rows, values = structure.irregular[is_such], structure.values[is_such]
        trial.add(Subject(rule), rows, values, len(rows))


def _judge_suspects(staging: Staging, trial: Trial) -> None:
    """Let pandera judge the cells that did not pass the screen."""
    for suspected, batches in staging.suspects():
        from alumniq_pipelines.checking.pandera_checks import judge
        from alumniq_pipelines.checking.pandera_schema import column_schema

        column = _as_judged(suspected, staging.field_map)
        schema = column_schema(column, required=staging.field_map.is_required(column))
        for batch in batches:
            rows = batch["row"].to_numpy()
            unreadable = np.zeros(len(rows), dtype=np.bool_)
            for rule, broken in judge(schema, batch["text"]):
                trial.add_regular(Subject(rule, column), rows[broken])
                if rule in {Rule.REQUIRED, Rule.TYPE}:
                    unreadable |= broken
            if column.type != "string":
                texts = batch["text"].to_numpy()
                right = zip(rows[~unreadable].tolist(), texts[~unreadable], strict=True)
                staging.amend(column, {row: value_of(text, column) for row, text in right})


def _as_judged(column: Column, field_map: FieldMap) -> Column:
    """Take every fault of a key's column for an error: rows without a key cannot be published."""
    if column.name not in field_map.table_schema.primary_key:
        return column
    strict = column.alumniq.model_copy(update={"severity": "error"})
    return column.model_copy(update={"alumniq": strict})


def _judge_keys(staging: Staging, trial: Trial) -> None:
    """Reject rows whose key, or unique value, an earlier row has too."""
    for subject in _keys(staging.field_map):
        for rows, firsts in staging.repeats(subject.key):
            trial.add_regular(subject, rows, firsts)


def _judge_references(staging: Staging, trial: Trial, partners: Partners) -> Referring:
    """Find rows whose foreign keys refer to nothing; answer what is told beside them."""
    references = Referring(staging, trial.rejected, partners)
    for subject, rows in references.orphans():
        trial.add_regular(subject, rows)
    return references


def _keys(field_map: FieldMap) -> Iterator[Subject]:
    key = field_map.table_schema.primary_key
    if key:
        yield Subject(Rule.PRIMARY_KEY, key=key)
    for column in field_map.columns:
        if column.constraints.unique and key != (column.name,):
            yield Subject(Rule.UNIQUE, column, (column.name,))


def _findings(rows: Positions, numbers: Positions | None = None) -> list[Finding]:
    """Make findings of the first rows."""
    first = rows[:MAX_REJECTIONS_KEPT].tolist()
    if numbers is None:
        return [Finding(row) for row in first]
    return [Finding(*each) for each in zip(first, numbers[: len(first)].tolist(), strict=True)]
