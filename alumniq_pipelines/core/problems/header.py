"""What can be wrong with the header line of a delivered file."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.file import FileProblem


class UnusableHeader(FileProblem):
    """The header line does not match the field map."""

    code = "unusable-header"
    line = 1

    def __init__(self, faults: Sequence[FileProblem]) -> None:
        """Gather everything that is wrong with the header."""
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
    """The first line is not a header line."""

    code = "no-header"
    line = 1

    def __init__(self, known: Sequence[str], header_line: int | None, what: str | None) -> None:
        """Never repeat the line, it may hold data; `header_line` is one that looks like a header.

        `known` are the column names that were looked for; `what` says what line 1 is, if known.
        """
        if header_line is None:
            advice = f"Begin the file with a header line of column names: {', '.join(known)}."
        else:
            advice = f"Line {header_line:,} looks like the header: remove the lines above it."
        contains = "contains none of the feed's column names."
        super().__init__(f"Line 1 {what}; it {contains}" if what else f"Line 1 {contains}", advice)


class TooManyColumns(FileProblem):
    """The file has too many columns."""

    code = "too-many-columns"
    line = 1

    def __init__(self, columns: int, limit: int) -> None:
        super().__init__(
            f"The header has {columns:,} columns; the limit is {limit:,}.",
            "Export only the columns of the field map, and check the delimiter.",
        )


class MissingColumn(FileProblem):
    """A column is missing."""

    code = "missing-column"
    line = 1

    def __init__(self, column: str, near: str | None) -> None:
        """Take the header's entry that was probably meant."""
        hint = f" Perhaps `{near}` is meant to be this column." if near else ""
        super().__init__(
            f"The file has no column `{column}`.{hint}",
            "Name the columns as in the field map, or ask us to change the field map.",
        )
        self.column = column


class MisspeltColumn(FileProblem):
    """A column is probably misspelt."""

    code = "misspelt-column"
    line = 1

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Take pairs of a name in the file and the column, absent from it, that is meant."""
        if len(pairs) == 1:
            [(name, self.column)] = pairs
            super().__init__(
                f"The file has no column `{self.column}`, but has the unknown column `{name}`, "
                "which is probably meant to be it.",
                f"If so, rename `{name}` to `{self.column}` in your export. If it contains "
                f"something else, leave it out, or send a column `{self.column}` as well.",
            )
            return
        *listed, last = (f"`{name}` for `{column}`" for name, column in pairs)
        super().__init__(
            "The file lacks some columns, and has unknown ones that are probably meant to be them: "
            f"{', '.join(listed)} and {last}.",
            "If so, rename them in your export. If one contains something else, leave it out, or "
            "send the column that it was taken for as well.",
        )


class DuplicateColumn(FileProblem):
    """A column is in the header more than once."""

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
            f"The column `{column}` is in the header {len(positions)} times "
            f"(as columns {' and '.join(named)}).",
            "Leave only one of them, or rename what is something else. Names that differ only in "
            "case, blanks, `_`, `-`, `.`, brackets, quotes or the table named before them are the "
            "same column, and so are the aliases of a column.",
        )
        self.column = column


class UnknownColumn(FileProblem):
    """A column is not in the field map."""

    code = "unknown-column"
    line = 1

    def __init__(self, column: str, near: str | None) -> None:
        """Take the column of the field map that was probably meant."""
        hint = f"Did you mean `{near}`?" if near else "Leave it out."
        super().__init__(f"The column `{column}` is not in the field map.", hint)
        self.column = column


class UnnamedColumn(FileProblem):
    """A column has no name."""

    code = "unnamed-column"
    line = 1

    def __init__(self, position: int, count: int) -> None:
        """Take the first such column, counted from 1, and how many there are."""
        if count == 1:
            detail = f"Column {position} of the header has no name."
        else:
            detail = (
                f"{count:,} columns of the header have no name, the first of them is column "
                f"{position}."
            )
        super().__init__(
            detail,
            "Name every column as in the field map, or leave it out: look for delimiters too many, "
            "as at the end of each line.",
        )


class UnusableColumnName(FileProblem):
    """An extension column's name is not valid."""

    code = "unusable-column-name"
    line = 1

    def __init__(self, position: int, max_bytes: int) -> None:
        """Count positions from 1; never repeat the name, it may be anything."""
        super().__init__(
            f"The name of column {position} contains other characters than letters, digits and "
            f"underscores, or is longer than {max_bytes} bytes.",
            "Name your own columns in letters, digits and underscores, ending in __c.",
        )
