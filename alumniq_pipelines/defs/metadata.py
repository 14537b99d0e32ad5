"""Metadata: what the Dagster UI shows of each load; never a cell value."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from alumniq_pipelines.core.loads.check_result import Cause
from alumniq_pipelines.core.loads.diff import KINDS, Changes, told_changes
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.services.attempt import Attempted
from alumniq_pipelines.services.load import LoadReport

REJECTIONS_SHOWN = 20
REMARKS_SHOWN = 20

Metadata = dict[str, dg.MetadataValue]


def load_metadata(load: Load, attempted: Attempted, gateway_url: str) -> Metadata:
    """Describe an attempt: whose load it was, how many rows and bytes, where, and how fast."""
    metadata: Metadata = {
        "job id": dg.MetadataValue.text(load.job_id),
        "load page": dg.MetadataValue.url(f"{gateway_url}/loads/{load.job_id}"),
        "file": dg.MetadataValue.text(load.request.filename),
        "attempt": dg.MetadataValue.int(attempted.number),
    }
    if attempted.report:
        metadata |= _report_metadata(attempted.report)
    if attempted.report and attempted.report.changes:
        metadata |= _change_metadata(attempted.report.changes)
    return metadata


def _report_metadata(report: LoadReport) -> Metadata:
    counts = report.verdict.counts
    metadata: Metadata = {
        "rows read": dg.MetadataValue.int(counts.rows_read),
        "rows rejected": dg.MetadataValue.int(counts.rows_rejected),
        "sha256": dg.MetadataValue.text(report.sha256),
    }
    metadata |= _reading_metadata(report)
    if report.version:
        metadata |= {
            "dagster/row_count": dg.MetadataValue.int(report.version.rows),
            "dagster/relation_identifier": dg.MetadataValue.text(report.version.relation),
            "version": dg.MetadataValue.int(report.version.number),
        }
    if report.is_unchanged:
        metadata["identical"] = dg.MetadataValue.text(
            "The file is the one that the live version was made from, byte for byte."
        )
    if report.verdict.hints:
        metadata["hints"] = dg.MetadataValue.text("\n".join(report.verdict.hints))
    if report.verdict.notes:
        metadata["notes"] = dg.MetadataValue.text("\n".join(report.verdict.notes))
    if report.verdict.rejections:
        metadata["first rejections"] = _rejections(report)
    remarks = report.verdict.remarks
    warnings = sum(each.count for each in remarks if each.severity == "warning")
    metadata["warnings"] = dg.MetadataValue.int(warnings)
    if remarks:
        metadata["warnings and notes"] = _remarks(remarks)
    return metadata


def _reading_metadata(report: LoadReport) -> Metadata:
    """Describe how the file was read; nothing where an earlier attempt had read it."""
    if not report.seconds:
        return {}
    seconds = sum(report.seconds.values())
    metadata: Metadata = {
        "bytes": dg.MetadataValue.int(report.size_bytes),
        "seconds": dg.MetadataValue.float(round(seconds, 3)),
    }
    metadata |= {
        f"seconds {step}": dg.MetadataValue.float(round(value, 3))
        for step, value in report.seconds.items()
    }
    if seconds > 0:
        metadata["rows per second"] = dg.MetadataValue.int(
            round(report.verdict.counts.rows_read / seconds)
        )
    return metadata


def _change_metadata(changes: Changes) -> Metadata:
    metadata: Metadata = {
        f"rows {kind}": dg.MetadataValue.int(getattr(changes, kind))
        for kind in (*KINDS, "unchanged")
    }
    if told := told_changes(changes)[1:]:
        metadata["changes"] = dg.MetadataValue.text("\n".join(told))
    return metadata


def _remarks(remarks: Sequence[Cause]) -> dg.MetadataValue:
    """Lay out what is wrong and rejected nothing, warnings first."""
    return table(
        [
            (each.severity, each.count, each.first_line, each.column, each.code, each.message)
            for each in remarks[:REMARKS_SHOWN]
        ],
        {
            "severity": "string",
            "rows": "int",
            "first line": "int",
            "column": "string",
            "code": "string",
            "message": "string",
        },
    )


def _rejections(report: LoadReport) -> dg.MetadataValue:
    return table(
        [
            (each.row, each.line, each.column, each.code, each.message)
            for each in report.verdict.rejections[:REJECTIONS_SHOWN]
        ],
        {"row": "int", "line": "int", "column": "string", "code": "string", "message": "string"},
    )


def table(
    rows: Iterable[Sequence[str | int | None]], columns: Mapping[str, str]
) -> dg.MetadataValue:
    """Make a table of rows; `columns` are their names with their types."""
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(*column) for column in columns.items()]),
    )
