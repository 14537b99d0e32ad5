"""Read the header line: find the delimiter, and the index of each column."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

from alumniq_pipelines.checking.report_lines import CLIENT, EXCEL, POWERSHELL
from alumniq_pipelines.checking.structure.blocks import broken_quoting, parse_record
from alumniq_pipelines.core.feeds.column_names import ColumnNames
from alumniq_pipelines.core.feeds.column_spellings import (
    ColumnSpellings,
    extension_name,
    is_alias_of,
    is_extension_name,
    shown_name,
    strip_name,
)
from alumniq_pipelines.core.feeds.did_you_mean import closest_match
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.feeds.validation import MAX_COLUMN_NAME_BYTES
from alumniq_pipelines.core.loads.rejection_report import REPORT_COLUMNS
from alumniq_pipelines.core.problems.file import FileProblem
from alumniq_pipelines.core.problems.header import (
    DuplicateColumn,
    MissingColumn,
    MisspeltColumn,
    NoHeader,
    TooManyColumns,
    UnknownColumn,
    UnnamedColumn,
    UnusableColumnName,
    UnusableHeader,
)

DELIMITERS = (",", "\t", "|", ";", "^", "~", ":", "\x1f", "\x01", " ")
"""The delimiters tried in addition to the field map's own."""

MAX_COLUMNS = 10_000
"""A header of 1.5 MB could have 750,000, which would take minutes and gigabytes to check."""

EXTENSION_NAME = re.compile(r"\w+")
"""What a sender may name a column: every database takes such names as they are."""

MAX_NAMES_LISTED = 10
MAX_SUGGESTIONS = 100
"""Unknown columns for which a similar known one is searched: a header may have 100,000."""

PREAMBLES = (
    (EXCEL, "is an instruction for Excel (`sep=`)"),
    (POWERSHELL, "is the name of a type, which PowerShell writes unless told -NoTypeInformation"),
    (CLIENT, "is a prompt or a message of a database's client"),
)
"""What tools are known to write above the header, and how to say it."""

LINES_SEARCHED = 10
"""If line 1 is no header, it is searched for on so many lines, to point it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A header line that fits its field map.

    `sources` maps the name of a column to its index in the file, from 0: the field map's columns
    that the file has, in the field map's order, then the sender's own in the file's order. `names`
    are the names as sent, without the columns that a rejection report adds; `width` counts these
    too.
    """

    delimiter: str
    width: int
    sources: Mapping[str, int]
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def name_shown(self, index: int) -> str:
        """Return the name of a column for a message."""
        return shown_name(self.names[index])


def read_header(text: str, field_map: FieldMap) -> Header:
    """Return the header of a file whose beginning is `text`; raises FileProblem.

    All faults of the header are reported together.
    """
    # First of all: a prompt may be followed by a query, which names columns.
    line = StringIO(text, newline=None).readline().strip().strip(field_map.dialect.csv.quote_char)
    what = next((words for pattern, words in PREAMBLES if re.fullmatch(pattern, line)), None)
    spellings = ColumnSpellings(field_map)
    delimiter, names = _detect_delimiter(text, spellings)
    if what or not _matches(names, spellings):
        if not what:
            _refuse_broken_quoting(text, spellings)
        known = [column.name for column in field_map.columns]
        raise NoHeader(known, _line_of_header(text, spellings), what)
    if len(names) > MAX_COLUMNS:
        raise TooManyColumns(len(names), MAX_COLUMNS)
    width = len(names)
    # A rejection report may be sent back as it is.
    if tuple(names[-len(REPORT_COLUMNS) :]) == REPORT_COLUMNS:
        names = names[: -len(REPORT_COLUMNS)]
    columns = _columns_of(names, spellings)
    unknown = [name for name in dict.fromkeys(names) if name not in columns]
    indexes = _column_indexes(names, columns)
    faults = list(_faults(names, unknown, indexes, field_map))
    if faults:
        raise UnusableHeader(faults)
    ordered = [column.name for column in field_map.columns if column.name in indexes]
    own = [name for name in indexes if name not in set(ordered)]
    sources = {name: indexes[name][0] for name in (*ordered, *own)}
    shown = [shown_name(name) for name in unknown]
    notes = list(_notes(names, shown, sources, delimiter, field_map))
    if len(names) < width:
        notes.append("The file is a rejection report; the columns added by it were ignored.")
    return Header(
        delimiter=delimiter,
        width=width,
        sources=sources,
        notes=tuple(notes),
        names=tuple(names),
    )


def _detect_delimiter(text: str, spellings: ColumnSpellings) -> tuple[str, list[str]]:
    """Return the delimiter that gives the most known names, and the names it gives.

    The field map's own wins a tie.
    """
    field_map = spellings.field_map
    own = field_map.dialect.csv.delimiter
    candidates = [
        (separator, _read_names(text, separator, field_map))
        for separator in dict.fromkeys((own, *DELIMITERS))
    ]

    def known(candidate: tuple[str, list[str]]) -> int:
        delimiter, names = candidate
        matches = _matches(names, spellings)
        # Another delimiter must separate two names: beside only one it may be part of some text.
        separated = matches + sum(_is_extension(name, field_map) for name in names)
        return matches if delimiter == own or separated > 1 else 0

    return max(candidates, key=known)


def _read_names(text: str, delimiter: str, field_map: FieldMap) -> list[str]:
    """Return the values of the first record; none if it is not legal CSV."""
    quote = field_map.dialect.csv.quote_char
    if delimiter == quote:
        return []
    try:
        return parse_record(text, delimiter, quote, strict=True)
    except csv.Error:
        return []


def _refuse_broken_quoting(text: str, spellings: ColumnSpellings) -> None:
    """Raise BrokenQuoting if the first line has known names, but is no legal CSV."""
    field_map = spellings.field_map
    line, quote = StringIO(text, newline="").readline(), field_map.dialect.csv.quote_char
    for delimiter in dict.fromkeys((field_map.dialect.csv.delimiter, *DELIMITERS)):
        if delimiter == quote or _read_names(text, delimiter, field_map):
            continue
        if _matches(parse_record(line, delimiter, quote), spellings):
            raise broken_quoting(line, delimiter, quote)


def _matches(names: Sequence[str], spellings: ColumnSpellings) -> int:
    return len({spellings.column(name) for name in set(names)} - {None})


def _line_of_header(text: str, spellings: ColumnSpellings) -> int | None:
    """Return the number of the line, among the first few, that is probably the header."""
    wanted = min(2, len(spellings.field_map.columns))
    # That with the most names: a query above it has some of them, too.
    matches = {
        number: _matches(_detect_delimiter(line, spellings)[1], spellings)
        for number, line in enumerate(text.splitlines()[1:LINES_SEARCHED], start=2)
    }
    number = max(matches, key=lambda number: matches[number], default=None)
    return number if number is not None and matches[number] >= wanted else None


def _columns_of(names: Sequence[str], spellings: ColumnSpellings) -> Mapping[str, str]:
    """Return the columns, known or the sender's own, for which the names in a header stand.

    If a name without a table is a column, one with a table is another: beside `firstName`,
    `spouse.firstName` is unknown.
    """
    own: dict[str, str] = {}
    whole: dict[str, str] = {}
    with_table: dict[str, str] = {}
    # Names without a table come first: the sender's own columns are called by the first spelling.
    for name in sorted(
        dict.fromkeys(names), key=lambda name: extension_name(name) != strip_name(name)
    ):
        if (column := spellings.column(name)) is not None:
            is_whole = spellings.column_of_whole(name) is not None
        elif _is_extension(name, spellings.field_map):
            # Names that differ only in case are the same column to a database: duplicates.
            extension = extension_name(name)
            column = own.setdefault(extension.casefold(), extension)
            is_whole = extension == strip_name(name)
        else:
            continue
        (whole if is_whole else with_table)[name] = column
    taken = set(whole.values())
    return whole | {name: column for name, column in with_table.items() if column not in taken}


def _column_indexes(names: Sequence[str], columns: Mapping[str, str]) -> dict[str, list[int]]:
    """Return the indexes of columns, in the file's order; one with several is a duplicate."""
    indexes: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        if name in columns:
            indexes.setdefault(columns[name], []).append(index)
    return indexes


def _is_extension(name: str, field_map: FieldMap) -> bool:
    return field_map.alumniq.extension_columns and is_extension_name(name)


def _faults(
    names: Sequence[str],
    unknown: Sequence[str],
    indexes: Mapping[str, Sequence[int]],
    field_map: FieldMap,
) -> Iterator[FileProblem]:
    absent = [column.name for column in field_map.columns if column.name not in indexes]
    misspelt = _find_misspelt(unknown, absent, field_map)
    yield from _absent_faults(absent, unknown, misspelt, field_map)
    for name, found in indexes.items():
        if len(found) > 1:
            sent = [shown_name(names[index]) for index in found]
            yield DuplicateColumn(name, [index + 1 for index in found], sent)
        elif field_map.column(name) is None and not (
            EXTENSION_NAME.fullmatch(name) and len(name.encode()) <= MAX_COLUMN_NAME_BYTES
        ):
            yield UnusableColumnName(found[0] + 1, MAX_COLUMN_NAME_BYTES)
    if field_map.alumniq.unknown_columns == "reject":
        unnamed = [index for index, name in enumerate(names) if not strip_name(name)]
        if unnamed:
            yield UnnamedColumn(unnamed[0] + 1, len(unnamed))
        others = [name for name in unknown if strip_name(name) and name not in misspelt]
        for count, name in enumerate(others):
            near = closest_match(name, absent) if count < MAX_SUGGESTIONS else None
            yield UnknownColumn(shown_name(name), near)


def _absent_faults(
    absent: Sequence[str],
    unknown: Sequence[str],
    misspelt: Mapping[str, str],
    field_map: FieldMap,
) -> Iterator[FileProblem]:
    """Yield what is wrong with columns that the file lacks, each unknown name at most once."""
    pairs = []
    for column in field_map.columns:
        meant = [name for name, known in misspelt.items() if known == column.name]
        if column.name in absent and field_map.is_required(column):
            near = meant[0] if meant else closest_match(column.name, unknown)
            yield MissingColumn(column.name, near and shown_name(near))
            meant = meant[1:]
        pairs += [(shown_name(name), column.name) for name in meant]
    if pairs:
        yield MisspeltColumn(pairs)


def _find_misspelt(
    unknown: Sequence[str], absent: Sequence[str], field_map: FieldMap
) -> Mapping[str, str]:
    """Return the unknown names that are probably meant for absent columns, and those columns.

    If such a file were loaded, the column would be published blank.
    """
    if not absent:
        return {}
    known = ColumnNames(field_map)
    misspellings = ((name, known.probable_match(name, absent)) for name in unknown)
    return {name: column for name, column in misspellings if column is not None}


def _notes(
    names: Sequence[str],
    unknown: Sequence[str],
    sources: Mapping[str, int],
    delimiter: str,
    field_map: FieldMap,
) -> Iterator[str]:
    """Yield notes on what was accepted although it differs from the field map."""
    if delimiter != field_map.dialect.csv.delimiter:
        yield (
            f"The file is delimited by {_format_delimiter(delimiter)} where the field map "
            f"specifies {_format_delimiter(field_map.dialect.csv.delimiter)}; this was accepted."
        )
    sent = {name: strip_name(names[index]) for name, index in sources.items()}
    others = {
        name: f"`{shown_name(spelling)}` as `{name}`"
        for name, spelling in sent.items()
        if spelling != name
    }
    by_alias = [name for name in others if field_map.column(name) and is_alias_of(sent[name], name)]
    respelled = [text for name, text in others.items() if name not in set(by_alias)]
    # All columns of the field map, and some of the sender's own.
    limit = max(len(field_map.columns), MAX_NAMES_LISTED)
    if respelled:
        listed = _format_names(respelled, limit)
        yield f"Columns were matched despite a different spelling: {listed}."
    if by_alias:
        listed = ", ".join(others[name] for name in by_alias)
        yield f"Columns were matched by an alias: {listed}."
    absent = [column.name for column in field_map.columns if column.name not in sources]
    if absent:
        yield (
            "Optional columns are missing from the file; they stay blank or get their default: "
            f"{', '.join(absent)}."
        )
    if unknown and field_map.alumniq.unknown_columns == "warn":
        named = [name for name in unknown if strip_name(name)]
        near = {name: closest_match(name, absent) for name in named[:MAX_NAMES_LISTED]}
        shown = [
            f"`{name}` (did you mean `{match}`?)" if match else f"`{name}`"
            for name, match in near.items()
        ]
        listed = _format_names([*shown, *named[MAX_NAMES_LISTED:]])
        if len(named) < len(unknown):
            listed = f"{listed} and those without a name" if named else "those without a name"
        yield f"Columns that are not in the field map were ignored: {listed}."


def _format_names(names: Sequence[str], limit: int = MAX_NAMES_LISTED) -> str:
    more = len(names) - limit
    listed = ", ".join(names[:limit])
    return listed if more <= 0 else f"{listed} and {more} more"


def _format_delimiter(delimiter: str) -> str:
    return {"\t": "tabs", " ": "spaces"}.get(delimiter, f"{delimiter!r}")
