"""What can be wrong with a delivered file."""

from collections.abc import Mapping, Sequence
from typing import Literal

from alumniq_pipelines.core.problems.live_data import LiveData, live_sentence
from alumniq_pipelines.core.problems.problem import Problem, SenderProblem

FIX_AND_CALL_AGAIN = (
    "Fix this in your source system, upload the file again and call the webhook again."
)
"""The usual advice where a file is at fault."""


class FileProblem(SenderProblem):
    """The file cannot be loaded.

    `line` and `column` say where, if it is at one place; `faults` are its parts, if it is several.
    """

    code = "file"
    line: int | None = None
    column: str | None = None

    @property
    def faults(self) -> Sequence["FileProblem"]:
        """The faults to report one by one: itself, unless it gathers others."""
        return (self,)


def format_faults(problem: Problem, limit: int = 20) -> tuple[str, ...]:
    """Return a line for each fault of a problem, capped, with the true number of the rest."""
    faults = problem.faults if isinstance(problem, FileProblem) else (problem,)
    more = len(faults) - limit
    lines = tuple(str(fault) for fault in faults[:limit])
    return lines if more <= 0 else (*lines, f"And {more:,} more faults like these.")


class EmptyFile(FileProblem):
    """The file is empty."""

    code = "empty-file"

    def __init__(self) -> None:
        super().__init__(
            "The file is empty.", "Export it again: a header line, then one line per row."
        )


class NoRows(FileProblem):
    """The file has a header line and no rows."""

    code = "no-rows"

    def __init__(self) -> None:
        super().__init__(
            "The file has a header line and no rows, and a table without rows is never published.",
            "Export it again with its rows. If the table is meant to be empty, contact us.",
        )


class ForeignFormat(FileProblem):
    """The file is in another format."""

    code = "foreign-format"

    def __init__(self, kind: str) -> None:
        """Take the kind as a noun with its article."""
        if "UTF-" in kind:
            advice = "Export it as UTF-8."
        elif "Excel" in kind:
            advice = 'Save it in Excel as "CSV UTF-8" and upload that.'
        elif "compressed" in kind or "archive" in kind:
            advice = (
                "Upload the CSV file itself: plain, compressed once with gzip or zstd, or as the "
                "only file in a zip archive."
            )
        elif "encrypted" in kind:
            advice = "Upload it without encryption."
        else:
            advice = "Export it as CSV in UTF-8 and upload that."
        super().__init__(f"The file is not delimited text in UTF-8; it looks like {kind}.", advice)


class NotUtf8(FileProblem):
    """The file is not UTF-8."""

    code = "not-utf-8"

    def __init__(self, *, byte: int, line: int, character: int, likely: str) -> None:
        """Take where the first byte is that is not UTF-8, and what the encoding may be."""
        super().__init__(
            f"The file is not UTF-8: byte {byte:,} (line {line:,}, character {character:,}) "
            f"cannot be read. It is probably {likely}.",
            'Export it as UTF-8 (in Excel: "CSV UTF-8").',
        )
        self.line = line


class NulCharacter(FileProblem):
    """The file contains a NUL character."""

    code = "nul-character"

    def __init__(self, byte: int, line: int) -> None:
        super().__init__(
            f"The file contains a NUL character at byte {byte:,} (line {line:,}): it is damaged, "
            "or in another encoding such as UTF-16.",
            "Export it again as UTF-8 text.",
        )
        self.line = line


QuoteFault = Literal["open", "stray", "closing", "blank-before", "blank-behind", "formula"]
"""What is wrong with a quotation mark."""

_QUOTE_FAULTS: Mapping[QuoteFault, str] = {
    "open": "a value in quotation marks is never closed",
    "stray": "there is a quotation mark inside a value that does not begin with one",
    "closing": "text follows a closing quotation mark; one inside the value may not be doubled",
    "blank-before": "a blank precedes the quotation mark at the beginning of a value",
    "blank-behind": "a blank follows the quotation mark at the end of a value",
    "formula": 'a value is written as a formula (="..."), as for a spreadsheet',
}
_QUOTE_ADVICE = 'Put every value into quotation marks and double those inside it ("O""Neil").'
_QUOTE_ADVICES: Mapping[QuoteFault, str] = {
    "blank-before": 'Leave out the blanks beside quotation marks: "a","b" and not "a", "b".',
    "blank-behind": 'Leave out the blanks beside quotation marks: "a","b" and not "a" ,"b".',
    "formula": 'Send the value itself, without the equals sign: "0001" and not ="0001".',
}


class BrokenQuoting(FileProblem):
    """The quoting of the file is broken."""

    code = "broken-quoting"

    def __init__(self, line: int, row_line: int, fault: QuoteFault) -> None:
        """Take the line and what is wrong there; `row_line` is where its row began."""
        row = "" if row_line == line else f" (in the row that starts on line {row_line:,})"
        super().__init__(
            f"On line {line:,}{row}, {_QUOTE_FAULTS[fault]}.",
            f"{_QUOTE_ADVICES.get(fault, _QUOTE_ADVICE)} From here on, rows cannot be told apart, "
            "so the rest of the file was not read.",
        )
        self.line = line


class OtherQuotationMarks(FileProblem):
    """Values are in quotation marks that are not read as such."""

    code = "other-quotation-marks"

    def __init__(self, *, column: str, line: int, marks: str, quote: str) -> None:
        """Take the first such value's place and the marks around it, and the one that is read."""
        if marks == f"{quote}\u2026{quote}":
            detail = "in quotation marks twice"
            reason = "The inner ones"
            advice = "Put each value into quotation marks only once, or leave them out."
        else:
            detail = f"in {marks}"
            reason = f"Only {quote} is read as a quotation mark, so these"
            advice = f"Put values into {quote}\u2026{quote} in your export, or leave the marks out."
        super().__init__(
            f"Values are {detail}, such as the one of the column `{column}` on line {line:,}. "
            f"{reason} would be published as parts of the values.",
            advice,
        )
        self.line = line
        self.column = column


class RowTooLong(FileProblem):
    """A row is too long."""

    code = "row-too-long"

    def __init__(self, line: int, max_bytes: int) -> None:
        super().__init__(
            f"The row that starts on line {line:,} is longer than {max_bytes:,} bytes.",
            "Look for a quotation mark that is never closed, or for missing line ends.",
        )
        self.line = line


class TooManyRows(FileProblem):
    """The file has too many rows."""

    code = "too-many-rows"

    def __init__(self, max_rows: int) -> None:
        super().__init__(
            f"The file has more than {max_rows:,} rows.",
            "If that is right, contact us. Otherwise look for repeated rows in your export.",
        )


class TooManyMisshapenRows(FileProblem):
    """Too many rows are blank or have the wrong number of values."""

    code = "too-many-misshapen-rows"

    def __init__(self, line: int, max_rows: int) -> None:
        """Take the limit, and a line by which it was passed."""
        super().__init__(
            f"By line {line:,}, more than {max_rows:,} rows are blank or have more or fewer values "
            "than the header has columns.",
            "Check the delimiter, the quotation marks and the line ends of your export.",
        )
        self.line = line


class FilesJoined(FileProblem):
    """The file looks like several that were joined."""

    code = "files-joined"

    def __init__(self, line: int) -> None:
        """Take the line with a byte order mark, which only begins files."""
        super().__init__(
            f"Line {line:,} begins with a byte order mark, which only the first line of a file may "
            "do.",
            "If you join files, remove the byte order marks and all header lines but the first.",
        )
        self.line = line


class FileGone(FileProblem):
    """The file was not in the bucket when the load began."""

    code = "file-gone"

    def __init__(self, filename: str) -> None:
        super().__init__(
            f"The file {filename} was not in your bucket when the load began.",
            "Upload it again, call the webhook again, and leave the file in place until the load "
            "has ended.",
        )


class RowsRejected(FileProblem):
    """The file has rows that break the field map's rules."""

    code = "rows-rejected"

    def __init__(self, rejected: int, read: int, live: LiveData) -> None:
        super().__init__(
            f"{rejected:,} of {read:,} rows were rejected: they break the rules of the field map.",
            f"{FIX_AND_CALL_AGAIN} {live_sentence(live)}",
        )
