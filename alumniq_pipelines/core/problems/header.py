"""What can be wrong with the header line of a delivered file."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.file import FileProblem


class UnusableHeader(FileProblem):
    """The header line does not fit the field map."""

    code = "unusable-header"
    line = 1

    def __init__(self, faults: Sequence[FileProblem]) -> None:
        """Gather all that is wrong with the header."""
        super().__init__(
            " ".join(fault.detail for fault in faults),
            " ".join(dict.fromkeys(fault.advice for fault in faults)),
        )
        self._faults = tuple(faults)

    @property
    def faults(self) -> Sequence[FileProblem]:
        """Each fault of the header by itself."""
        return self._faults


class NoHeader(FileProblem):
    """The first line is no header."""

    code = "no-header"
    line = 1

    def __init__(self, known: Sequence[str], header_line: int | None) -> None:
        """Never repeat the line, it may hold data; `header_line` is one that looks like a header.

        `known` are the column names that were looked for.
        """
        if header_line is None:
            advice = f"Begin the file with a header line of column names: {', '.join(known)}."
        else:
            advice = f"Line {header_line:,} looks like the header: remove the lines above it."
        super().__init__("Line 1 holds none of the feed's column names.", advice)


class TooManyColumns(FileProblem):
    """The file has too many columns."""

    code = "too-many-columns"
    line = 1

    def __init__(self, columns: int, limit: int) -> None:
        """Take how many there are, and how many may be."""
        super().__init__(
            f"The header has {columns:,} columns; at most {limit:,} can be read.",
            "Export the columns of the field map only, and check the delimiter.",
        )


class MissingColumn(FileProblem):
    """A column is missing."""

    code = "missing-column"
    line = 1

    def __init__(self, column: str, near: str | None) -> None:
        """Name the header's entry that was probably meant."""
        hint = f" Its header has `{near}`, which may be meant." if near else ""
        super().__init__(
            f"The file has no column `{column}`.{hint}",
            "Name the columns as the field map does, or have the field map changed.",
        )
        self.column = column


class MisspeltColumn(FileProblem):
    """A column is probably misspelt."""

    code = "misspelt-column"
    line = 1

    def __init__(self, name: str, column: str) -> None:
        """Take the name in the file, and the column of the field map that the file lacks."""
        super().__init__(
            f"The file has no column `{column}`, and has the unknown column `{name}`, which is "
            "probably meant for it.",
            f"If it is, rename `{name}` to `{column}` in your export. If it holds something else, "
            f"leave it out, or send a column `{column}` as well.",
        )
        self.column = column


class DuplicateColumn(FileProblem):
    """A column stands in the header twice."""

    code = "duplicate-column"
    line = 1

    def __init__(
        self, column: str, positions: Sequence[int], spellings: Sequence[str] = ()
    ) -> None:
        """Count positions from 1; `spellings` are the names there, where they differ."""
        if len(set(spellings)) > 1:
            named = [f"{at} `{name}`" for at, name in zip(positions, spellings, strict=True)]
        else:
            named = [str(position) for position in positions]
        super().__init__(
            f"The column `{column}` stands in the header {len(positions)} times "
            f"(as columns {' and '.join(named)}).",
            "Keep one of them. Case, blanks, `_`, `-`, `.` and brackets make no other column.",
        )
        self.column = column


class UnknownColumn(FileProblem):
    """A column is not known."""

    code = "unknown-column"
    line = 1

    def __init__(self, column: str, near: str | None) -> None:
        """Name the known column that was probably meant."""
        hint = f"Did you mean `{near}`?" if near else "Leave it out."
        super().__init__(f"The column `{column}` is not in the field map.", hint)
        self.column = column


class UnusableColumnName(FileProblem):
    """An extension column's name cannot be used."""

    code = "unusable-column-name"
    line = 1

    def __init__(self, position: int, max_bytes: int) -> None:
        """Count positions from 1; never repeat the name, it may be anything."""
        super().__init__(
            f"The name of column {position} holds other characters than letters and digits, or is "
            f"longer than {max_bytes} bytes.",
            "Name your own columns in letters, digits and underscores, ending in __c.",
        )
