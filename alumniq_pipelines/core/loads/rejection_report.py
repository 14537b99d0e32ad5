"""The rejection report: its name, where it is stored, and its columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import TypeAdapter

from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.loads.check_result import Cause, Rejection
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Target

REPORT_COLUMNS = ("_row", "_line", "_column", "_code", "_message", "_advice")
"""The columns after the customer's own; a file whose header ends in them is a report."""

REPORTS = "reports/"
"""Prefix of the names of reports in the archive."""

SEPARATOR = " | "
"""Separates the faults of a row: a row has one line in the report, so that it can be sent back."""

FIRST_SHOWN = 20
"""Rejections shown on a page."""

MAX_SHEET_ROWS = 1_000
"""As many as people read; the CSV report, which is faster to write, has more."""

NOT_IN_BUCKET = "report-not-in-bucket"
NOT_WRITTEN = "report-not-written"
"""The codes of notes of loads whose report is not in the bucket. They stay with the load in the
ledger, so that a notice about it can be composed at any time."""


class ReportFormat(StrEnum):
    """The formats of a report."""

    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """What a page shows of a report without opening it; no cell values."""

    rows_rejected: int
    rows_listed: int
    first: tuple[Rejection, ...]

    @property
    def rows_of_sheet(self) -> int:
        """Return the rows of the workbook, which may be fewer than those of the CSV report."""
        return min(self.rows_listed, MAX_SHEET_ROWS)

    def to_json(self) -> bytes:
        """Serialize it for the archive."""
        return _SUMMARIES.dump_json(self)

    @classmethod
    def from_json(cls, stored: bytes) -> "ReportSummary":
        """Read what `to_json` wrote."""
        return _SUMMARIES.validate_json(stored)


_SUMMARIES = TypeAdapter(ReportSummary)


def report_name(job_id: JobId, form: ReportFormat) -> str:
    """Return the name of a load's report in the archive."""
    return f"{REPORTS}{job_id}.{form}"


def summary_name(job_id: JobId) -> str:
    """Return the name of the summary of a load's report in the archive."""
    return f"{REPORTS}{job_id}.json"


def report_key(target: Target, job_id: JobId) -> str:
    """Return the key of a load's report in its customer's bucket."""
    return f"{folder_of(target.environment)}{REPORTS}{target.feed}/{job_id}.{ReportFormat.CSV}"


def not_in_bucket_note(job_id: JobId, *, is_denied: bool) -> Cause:
    """Return the note that a report could not be put into the customer's bucket."""
    why = "access was denied" if is_denied else "the bucket could not be written to"
    return _note(
        NOT_IN_BUCKET,
        f"The rejection report could not be put into your bucket: {why}. Download it from the page "
        f"of this load, or with GET /api/v1/loads/{job_id}/report.",
    )


def not_written_note() -> Cause:
    """Return the note that a load has no report, because an installation writes none."""
    return _note(NOT_WRITTEN, "No rejection report was written: this service is set to write none.")


def report_note(warnings: Sequence[Cause]) -> Cause | None:
    """Return the note, among those of a load, that its report is not in the bucket."""
    return next((note for note in warnings if note.code in {NOT_IN_BUCKET, NOT_WRITTEN}), None)


def _note(code: str, message: str) -> Cause:
    return Cause(code, column=None, message=message, count=0, first_line=0, severity="note")


def layout_row(values: Sequence[str], own: int, width: int, diagnosis: Sequence[str]) -> list[str]:
    """Format a rejected row: its own values, its faults, and values that had no column.

    The header of the file had `width` columns, the first `own` of them the customer's. A row that
    had more or fewer values ends in one value too many, so that it is rejected again until it is
    fixed: if it were padded silently, it would be accepted.
    """
    row = [*values[:own], *[""] * (own - len(values)), *diagnosis]
    if len(values) != width:
        row += list(values[width:]) or [""]
    return row
