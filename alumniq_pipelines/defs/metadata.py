"""Metadata: what the Dagster UI shows of each load; never a cell value."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from alumniq_pipelines.core.loads.check_result import Cause
from alumniq_pipelines.core.loads.diff import KINDS, Changes, format_changes
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.services.attempt import AttemptOutcome
from alumniq_pipelines.services.load import LoadResult

MAX_REJECTIONS_SHOWN = 20
MAX_WARNINGS_SHOWN = 20

Metadata = dict[str, dg.MetadataValue]


def load_metadata(load: Load, outcome: AttemptOutcome, gateway_url: str) -> Metadata:
    """Describe an attempt: whose load it was, how many rows and bytes, where, and how fast."""
    metadata: Metadata = {
        "job id": dg.MetadataValue.text(load.job_id),
        "load page": dg.MetadataValue.url(f"{gateway_url}/loads/{load.job_id}"),
        "file": dg.MetadataValue.text(load.request.filename),
        "attempt": dg.MetadataValue.int(outcome.number),
    }
    if outcome.load_result:
        metadata |= _result_metadata(outcome.load_result)
    if outcome.load_result and outcome.load_result.changes:
        metadata |= _change_metadata(outcome.load_result.changes)
    return metadata


def _result_metadata(load_result: LoadResult) -> Metadata:
    counts = load_result.check_result.counts
    metadata: Metadata = {
        "rows read": dg.MetadataValue.int(counts.rows_read),
        "rows rejected": dg.MetadataValue.int(counts.rows_rejected),
        "sha256": dg.MetadataValue.text(load_result.sha256),
    }
    metadata |= _reading_metadata(load_result)
    if load_result.version:
        metadata |= {
            "dagster/row_count": dg.MetadataValue.int(load_result.version.rows),
            "dagster/relation_identifier": dg.MetadataValue.text(load_result.version.relation),
            "version": dg.MetadataValue.int(load_result.version.number),
        }
    if load_result.is_unchanged:
        metadata["identical"] = dg.MetadataValue.text(
            "The file is the one that the live version was made from, byte for byte."
        )
    if load_result.check_result.hints:
        metadata["hints"] = dg.MetadataValue.text("\n".join(load_result.check_result.hints))
    if load_result.check_result.notes:
        metadata["notes"] = dg.MetadataValue.text("\n".join(load_result.check_result.notes))
    if load_result.check_result.rejections:
        metadata["first rejections"] = _rejection_table(load_result)
    remarks = load_result.check_result.remarks
    warnings = sum(remark.count for remark in remarks if remark.severity == "warning")
    metadata["warnings"] = dg.MetadataValue.int(warnings)
    if remarks:
        metadata["warnings and notes"] = _warning_table(remarks)
    return metadata


def _reading_metadata(load_result: LoadResult) -> Metadata:
    """Describe how the file was read; nothing where an earlier attempt had read it."""
    if not load_result.seconds:
        return {}
    seconds = sum(load_result.seconds.values())
    metadata: Metadata = {
        "bytes": dg.MetadataValue.int(load_result.size_bytes),
        "seconds": dg.MetadataValue.float(round(seconds, 3)),
    }
    metadata |= {
        f"seconds {step}": dg.MetadataValue.float(round(value, 3))
        for step, value in load_result.seconds.items()
    }
    if seconds > 0:
        metadata["rows per second"] = dg.MetadataValue.int(
            round(load_result.check_result.counts.rows_read / seconds)
        )
    return metadata


def _change_metadata(changes: Changes) -> Metadata:
    metadata: Metadata = {
        f"rows {kind}": dg.MetadataValue.int(getattr(changes, kind))
        for kind in (*KINDS, "unchanged")
    }
    if change_lines := format_changes(changes)[1:]:
        metadata["changes"] = dg.MetadataValue.text("\n".join(change_lines))
    return metadata


def _warning_table(remarks: Sequence[Cause]) -> dg.MetadataValue:
    """Lay out what is wrong and rejected nothing, warnings first."""
    return table(
        [
            (
                remark.severity,
                remark.count,
                remark.first_line,
                remark.column,
                remark.code,
                remark.message,
            )
            for remark in remarks[:MAX_WARNINGS_SHOWN]
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


def _rejection_table(load_result: LoadResult) -> dg.MetadataValue:
    return table(
        [
            (rejection.row, rejection.line, rejection.column, rejection.code, rejection.message)
            for rejection in load_result.check_result.rejections[:MAX_REJECTIONS_SHOWN]
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
