"""Answers that are a rejection report, for the API and for the pages."""

from pathlib import Path

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from alumniq_pipelines.core.load import Load
from alumniq_pipelines.core.report import ReportForm

MEDIA_TYPES = {
    ReportForm.CSV: "text/csv",
    ReportForm.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def download(load: Load, form: ReportForm, copied: Path) -> FileResponse:
    """Send a report, then remove the copy of it."""
    return FileResponse(
        copied,
        media_type=MEDIA_TYPES[form],
        filename=f"{load.target.feed}-{load.job_id}-rejected.{form}",
        background=BackgroundTask(copied.unlink, missing_ok=True),
    )
