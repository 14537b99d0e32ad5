"""Metadata: what the Dagster UI shows of each load; never a cell value."""

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

import dagster as dg

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.check_result import Cause, CheckResult
from alumniq_pipelines.core.loads.diff import KINDS, Changes, format_changes
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.load_result import (
    AlreadyPublished,
    DryRun,
    Held,
    LoadResult,
    Overtaken,
    Published,
    ReceivedFile,
    Refused,
    Rejected,
    Seconds,
    Superseded,
    SupersededHold,
    Unchanged,
)
from alumniq_pipelines.core.loads.warehouse import Version

MAX_REJECTIONS_SHOWN = 20
MAX_WARNINGS_SHOWN = 20

Metadata = dict[str, dg.MetadataValue]


def load_metadata(
    load: Load, attempt: int, result: LoadResult | None, public_urls: PublicUrls
) -> Metadata:
    """Describe an attempt: whose load it was, how many rows and bytes, where, and how fast.

    `result` is None where a fault of ours ended the attempt.
    """
    metadata: Metadata = {
        "job id": dg.MetadataValue.text(load.job_id),
        "load page": dg.MetadataValue.url(f"{public_urls.staff}/loads/{load.job_id}"),
        "file": dg.MetadataValue.text(load.request.filename),
        "attempt": dg.MetadataValue.int(attempt),
    }
    return metadata if result is None else metadata | _result_metadata(result)


def _result_metadata(result: LoadResult) -> Metadata:
    match result:
        case Published(version=version):
            return {
                **_check_metadata(result.check_result, version.sha256),
                **_reading_metadata(result.check_result, result.file, result.seconds),
                **_version_metadata(version),
                **_change_metadata(result.changes),
            }
        case Unchanged(live=live):
            return {
                **_check_metadata(result.check_result, live.sha256),
                **_reading_metadata(result.check_result, result.file, result.seconds),
                **_version_metadata(live),
                "identical": dg.MetadataValue.text(
                    "The file is the one that the live version was made from, byte for byte."
                ),
                **_change_metadata(result.changes),
            }
        case Held(rows=rows):
            return {
                **_check_metadata(result.check_result, rows.sha256),
                **_reading_metadata(result.check_result, result.file, result.seconds),
                **_change_metadata(result.changes),
            }
        case DryRun() | Rejected():
            changes = result.changes if isinstance(result, DryRun) else None
            return {
                **_check_metadata(result.check_result, result.file.receipt.sha256),
                **_reading_metadata(result.check_result, result.file, result.seconds),
                **_change_metadata(changes),
            }
        case AlreadyPublished(version=version):
            return _version_metadata(version)
        case Superseded() | Overtaken() | SupersededHold() | Refused():
            return {}
    assert_never(result)


def _check_metadata(check_result: CheckResult, sha256: str) -> Metadata:
    """Describe what checking the file found."""
    counts, warnings = check_result.counts, check_result.warnings
    metadata: Metadata = {
        "rows read": dg.MetadataValue.int(counts.rows_read),
        "rows rejected": dg.MetadataValue.int(counts.rows_rejected),
        "sha256": dg.MetadataValue.text(sha256),
    }
    if check_result.hints:
        metadata["hints"] = dg.MetadataValue.text("\n".join(check_result.hints))
    if check_result.notes:
        metadata["notes"] = dg.MetadataValue.text("\n".join(check_result.notes))
    if check_result.rejections:
        metadata["first rejections"] = table(
            [
                (rejection.row, rejection.line, rejection.column, rejection.code, rejection.message)
                for rejection in check_result.rejections[:MAX_REJECTIONS_SHOWN]
            ],
            {
                "row": "int",
                "line": "int",
                "column": "string",
                "code": "string",
                "message": "string",
            },
        )
    affected = sum(warning.count for warning in warnings if warning.severity == "warning")
    metadata["warnings"] = dg.MetadataValue.int(affected)
    if warnings:
        metadata["warnings and notes"] = _warning_table(warnings)
    return metadata


def _version_metadata(version: Version) -> Metadata:
    return {
        "dagster/row_count": dg.MetadataValue.int(version.rows),
        "dagster/relation_identifier": dg.MetadataValue.text(version.relation),
        "version": dg.MetadataValue.int(version.number),
    }


def _reading_metadata(
    check_result: CheckResult, file: ReceivedFile | None, seconds: Seconds
) -> Metadata:
    """Describe how large the file was and how long each step took; nothing of earlier attempts."""
    metadata: Metadata = {}
    if file is not None:
        metadata["bytes"] = dg.MetadataValue.int(file.size_bytes)
    if not seconds:
        return metadata
    total = sum(seconds.values())
    metadata["seconds"] = dg.MetadataValue.float(round(total, 3))
    metadata |= {
        f"seconds {step}": dg.MetadataValue.float(round(value, 3))
        for step, value in seconds.items()
    }
    if total > 0:
        metadata["rows per second"] = dg.MetadataValue.int(
            round(check_result.counts.rows_read / total)
        )
    return metadata


def _change_metadata(changes: Changes | None) -> Metadata:
    """Describe what the load changes; a first load changes nothing."""
    if changes is None:
        return {}
    metadata: Metadata = {
        f"rows {kind}": dg.MetadataValue.int(getattr(changes, kind))
        for kind in (*KINDS, "unchanged")
    }
    if lines := format_changes(changes)[1:]:
        metadata["changes"] = dg.MetadataValue.text("\n".join(lines))
    return metadata


def _warning_table(warnings: Sequence[Cause]) -> dg.MetadataValue:
    """Return a table of what is wrong and rejected no row, warnings first."""
    return table(
        [
            (
                warning.severity,
                warning.count,
                warning.first_line,
                warning.column,
                warning.code,
                warning.message,
            )
            for warning in warnings[:MAX_WARNINGS_SHOWN]
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


def table(
    rows: Iterable[Sequence[str | int | None]], columns: Mapping[str, str]
) -> dg.MetadataValue:
    """Return a table; `columns` maps the names of its columns to their types."""
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(*column) for column in columns.items()]),
    )
