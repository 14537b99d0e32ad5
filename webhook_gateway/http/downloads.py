"""Rejection reports as downloads, for the API and the pages."""

from collections.abc import Iterator
from typing import BinaryIO

from starlette.responses import StreamingResponse

from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.rejection_report import ReportFormat

MEDIA_TYPES = {
    ReportFormat.CSV: "text/csv",
    ReportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CHUNK_BYTES = 1 << 18


def download(load: Load, form: ReportFormat, report: BinaryIO) -> StreamingResponse:
    """Return a response that streams a report and closes it."""
    name = f"{load.target.feed}-{load.job_id}-rejected.{form}"
    return StreamingResponse(
        _chunks(report),
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _chunks(report: BinaryIO) -> Iterator[bytes]:
    with report:
        while chunk := report.read(CHUNK_BYTES):
            yield chunk
