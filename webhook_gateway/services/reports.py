"""Access to stored rejection reports; nothing is computed here.

Shared by the JSON API and the pages; independent of HTTP.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from alumniq_pipelines.core.loads.archive import Archive
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.rejection_report import (
    ReportFormat,
    ReportSummary,
    report_name,
    summary_name,
)
from alumniq_pipelines.core.problems.api import NoReport
from alumniq_pipelines.core.problems.problem import OutageProblem
from webhook_gateway.services.load_queries import LoadDetail, Scope, Status


@dataclass(frozen=True, slots=True)
class RejectionReports:
    """Opens stored reports. The archive is opened on use: many installations have none."""

    status: Status
    open_archive: Callable[[], Archive]

    def open_report(self, scope: Scope, job_id: str, form: ReportFormat) -> tuple[Load, BinaryIO]:
        """Open a copy of a load's report; raises NoSuchLoad and NoReport."""
        load = self.status.known_load(scope, job_id)
        report_file = self._open_copy(report_name(load.job_id, form))
        if report_file is None:
            raise NoReport
        return load, report_file

    def summary(self, detail: LoadDetail) -> ReportSummary | None:
        """Return the summary of a load's report; None if there is none.

        Also None while the archive is unavailable, so that the page of the load still opens.
        """
        if not any(attempt.counts and attempt.counts.rows_rejected for attempt in detail.attempts):
            return None
        try:
            report_file = self._open_copy(summary_name(detail.load.job_id))
        except OutageProblem:
            return None
        if report_file is None:
            return None
        with report_file:
            return ReportSummary.from_json(report_file.read())

    def _open_copy(self, name: str) -> BinaryIO | None:
        """Open a copy whose directory entry is already deleted; closing it frees the space."""
        with tempfile.TemporaryDirectory(prefix="alumniq-report-") as folder:
            path = Path(folder) / "report"
            return path.open("rb") if self.open_archive().get(name, path) else None
