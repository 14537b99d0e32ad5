"""Find text columns that a tool has damaged, by the first and the last rows of a file.

Outside of keys such damage breaks no rule, and to look for it in every cell would take a clean file
too long. But a tool does it to whole columns, and people to single cells: a sample shows which of
them it was. Where it shows damage, the whole file is searched for it (`damage_counts`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alumniq_pipelines.checking.damage_counts import Suspicion
from alumniq_pipelines.checking.header import Header
from alumniq_pipelines.checking.sql_checks import damage_condition
from alumniq_pipelines.checking.staging import Staging
from alumniq_pipelines.checking.staging_sql import column_text_sql, read_csv_sql
from alumniq_pipelines.checking.structure.blocks import parse_record
from alumniq_pipelines.checking.structure.scan import Structure
from alumniq_pipelines.checking.text_damage import (
    CODE_NAME,
    OF_WHOLE_COLUMNS,
    TRACES,
    WORDS_OF_PEOPLE_TOO,
    WORDS_OF_TOOLS,
    Damage,
    is_code,
    is_described,
    is_free_key,
)
from alumniq_pipelines.core.feeds.column_spellings import EXTENSION_SUFFIX
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.values import format_value
from alumniq_pipelines.core.sql_text import literal

FIRST_ROWS = 2_000
LAST_ROWS = 200
MAX_CELLS = 80_000
"""Fewer rows are looked at where there are more columns than a feed has."""

MAX_SUSPICIONS = 300
"""Of a sender's thousands of columns, only so many are counted."""

PERSON = re.compile("name|maiden|spouse|parent|contact|manager", re.IGNORECASE)
"""What the names of columns have in them in which people are named: some are called Null."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows of a sample must show a damage, and which share of those with a value."""

    rows: int
    share: float = 0.0

    def is_reached(self, count: int, filled: int) -> bool:
        """Whether so many rows of those with a value are enough."""
        return count >= self.rows and count >= self.share * filled


NAMESAKES = Extent(10, 0.01)
"""People called NULL, in capitals, are fewer than that."""

IN_CODES: Mapping[Damage, Extent] = {
    Damage.FORMULA: Extent(1),
    Damage.DECIMAL: Extent(2, 1.0),
    Damage.MARKED_NUMBER: Extent(1),
    Damage.APOSTROPHE: Extent(2, 0.9),
    Damage.INVISIBLE: Extent(1),
    Damage.PADDED: Extent(2, 0.01),
}
IN_TEXTS: Mapping[Damage, Extent] = {
    Damage.FORMULA: Extent(1),
    # A program that reads a column as numbers does it to all of its values, or to none.
    Damage.DECIMAL: Extent(10, 1.0),
    Damage.MARKED_NUMBER: Extent(2),
    Damage.APOSTROPHE: Extent(10, 0.9),
    Damage.HIDDEN: Extent(1),
    # A blank behind a text is a slip; behind most of them, it is a column of fixed width.
    Damage.PADDED: Extent(3, 0.5),
}
"""When a damage of a column is reported; the words have rules of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A text column that is looked at; `meant` are the texts that the field map itself gives."""

    name: str
    is_code: bool
    names_people: bool
    meant: frozenset[str]

    def extents(self) -> Iterator[tuple[Damage, Extent]]:
        """Yield the damages that are looked for in the column."""
        for damage, extent in (IN_CODES if self.is_code else IN_TEXTS).items():
            if not any(re.fullmatch(TRACES[damage], text) for text in self.meant):
                yield damage, extent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """What a part of the rows shows of a column: how many of them have a value, damage, a word."""

    rows: int
    filled: int
    damaged: Mapping[Damage, int]
    words: Mapping[str, int]


def suspect_columns(staging: Staging, structure: Structure, header: Header) -> list[Suspicion]:
    """Return the damage that the first or the last rows show of columns, by kind of damage."""
    candidates = list(_candidates(header, staging.field_map))
    shown: set[tuple[Damage, int]] = set()
    words: dict[int, set[str]] = {}
    for samples in _read_samples(staging, structure, header, candidates):
        for index, sample in samples.items():
            found = {
                damage
                for damage, extent in candidates[index].extents()
                if extent.is_reached(sample.damaged[damage], sample.filled)
            }
            if Damage.APOSTROPHE in found:
                found.discard(Damage.MARKED_NUMBER)
            shown |= {(damage, index) for damage in found}
        for index, word in _words_of_tools(samples, candidates):
            words.setdefault(index, set()).add(word)
            shown.add((Damage.NULL_WORD, index))
    suspicions = []
    for damage, index in sorted(shown, key=lambda pair: (OF_WHOLE_COLUMNS.index(pair[0]), pair[1])):
        name = candidates[index].name
        text = column_text_sql(name, header)
        condition = damage_condition(text, [damage])
        if damage is Damage.NULL_WORD:
            condition = f"({text} IN ({', '.join(map(literal, sorted(words[index])))}))"
        suspicions.append(Suspicion(damage=damage, column=name, condition=condition))
    return suspicions[:MAX_SUSPICIONS]


def _candidates(header: Header, field_map: FieldMap) -> Iterator[_Candidate]:
    """Yield the text columns of a file that are not checked in every row.

    Keys are, and so are columns of which the field map says how they look, and reference sets.
    """
    for name in header.sources:
        column, meant = field_map.column(name), frozenset[str]()
        if column is None:  # of the sender's own
            codes = CODE_NAME.search(name.removesuffix(EXTENSION_SUFFIX)) is not None
        elif (
            column.type != "string"
            or is_free_key(column, field_map)
            or is_described(column)
            or column.alumniq.reference is not None
        ):
            continue
        else:
            codes = is_code(column, field_map)
            given = (column.example, column.alumniq.default)
            meant = frozenset(format_value(value, column) for value in given if value is not None)
        yield _Candidate(
            name=name,
            is_code=codes,
            names_people=not codes and PERSON.search(name) is not None,
            meant=meant,
        )


def _read_samples(
    staging: Staging, structure: Structure, header: Header, candidates: Sequence[_Candidate]
) -> list[Mapping[int, _Sample]]:
    """Return what the first rows show of the candidates, by their index, and what the last do."""
    if not candidates:
        return []
    names = [candidate.name for candidate in candidates]
    first = min(FIRST_ROWS, MAX_CELLS // len(names) + 1)
    texts = ", ".join(column_text_sql(name, header) for name in names)
    cells = (
        f"SELECT 0 AS part, unnest([{texts}]) AS text, unnest(range({len(names)})) AS candidate "
        f"FROM (FROM {read_csv_sql(structure.text, staging.field_map)} LIMIT {first})"
    )
    parameters: dict[str, object] = {}
    last = _last_cells(structure, header, names, staging.field_map, structure.rows - first)
    if last:
        parameters["texts"] = last
        cells += (
            " UNION ALL SELECT 1, unnest($texts::VARCHAR[]), "
            f"unnest(range({len(last)})) % {len(names)}"
        )
    damages = list(dict.fromkeys((*IN_CODES, *IN_TEXTS)))
    conditions = [damage_condition("text", [damage]) for damage in damages]
    words = ", ".join(map(literal, (*WORDS_OF_TOOLS, *WORDS_OF_PEOPLE_TOO)))
    is_word = f"(text IN ({words}))"
    is_odd = f"({' OR '.join((*conditions, is_word))})"
    # Of a clean file, no cell is odd, and the second query, of eight conditions, is not needed.
    found = staging.run(
        f"SELECT part, candidate, count(*), count(*) FILTER (text <> ''), "
        f"count(CASE WHEN {is_odd} THEN 1 END) "
        f"FROM ({cells}) GROUP BY ALL ORDER BY ALL",
        parameters,
    ).fetchall()
    nothing = None, [0] * len(damages)
    shown: dict[tuple[int, int], tuple[Mapping[str, int] | None, list[int]]] = {}
    if any(odd for *_, odd in found):
        counts = ", ".join(f"count(*) FILTER {condition}" for condition in conditions)
        details = staging.run(
            f"SELECT part, candidate, histogram(text) FILTER {is_word}, {counts} "
            f"FROM ({cells}) WHERE {is_odd} GROUP BY part, candidate",
            parameters,
        ).fetchall()
        shown = {(part, index): (held, counted) for part, index, held, *counted in details}
    samples: list[dict[int, _Sample]] = [{}, {}]
    for part, candidate, rows, filled, _odd in found:
        held, damaged = shown.get((part, candidate), nothing)
        samples[part][candidate] = _Sample(
            rows=rows,
            filled=filled,
            words=held or {},
            damaged=dict(zip(damages, damaged, strict=True)),
        )
    return list(samples)


def _last_cells(
    structure: Structure, header: Header, names: Sequence[str], field_map: FieldMap, rows: int
) -> list[str | None]:
    """Return the cells of some columns in the last of so many rows, row by row; None if blank."""
    count = min(max(rows, 0), LAST_ROWS, MAX_CELLS // len(names) + 1)
    last = structure.rows_of_file(np.arange(structure.rows - count, structure.rows))
    quote, blanks = structure.text.layout.quote, field_map.table_schema.missing_values
    cells = []
    for _line, record in structure.read_rows(last):
        values = parse_record(record.decode(), header.delimiter, quote)
        cells += [values[header.sources[name]] for name in names]
    return [None if cell in blanks else cell for cell in cells]


def _words_of_tools(
    samples: Mapping[int, _Sample], candidates: Sequence[_Candidate]
) -> Iterator[tuple[int, str]]:
    """Yield the columns, by index, with each word that a tool has written for missing values.

    A tool writes its word in all columns with missing values, and leaves none blank.
    """
    has_blanks = any(sample.filled < sample.rows for sample in samples.values())
    holders: dict[str, list[int]] = {}
    for index, sample in samples.items():
        for word in sample.words.keys() - candidates[index].meant:
            holders.setdefault(word, []).append(index)
    for word, indexes in holders.items():
        # Where nothing is blank, and a code is expected, nobody means `None`.
        has_codes = any(candidates[index].is_code for index in indexes)
        is_of_tool = word in WORDS_OF_TOOLS or (has_codes and len(indexes) > 1 and not has_blanks)
        is_of_people = all(candidates[index].names_people for index in indexes)
        for index in indexes if is_of_tool else ():
            sample = samples[index]
            if not is_of_people or NAMESAKES.is_reached(sample.words[word], sample.filled):
                yield index, word
