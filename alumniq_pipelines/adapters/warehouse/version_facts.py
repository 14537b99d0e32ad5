"""The facts of a version, which every engine stores in a table beside its rows."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import AcceptedRows, Version

METADATA_TABLE = "_version"
"""The one-row table with the facts of a version, which makes its file self-describing."""

METADATA_COLUMNS = {
    "customer": "varchar",
    "environment": "varchar",
    "feed": "varchar",
    "table_name": "varchar",
    "number": "bigint",
    "job_id": "varchar",
    "rows": "bigint",
    "sha256": "varchar",
    "etag": "varchar",
    "field_map_sha256": "varchar",
    "published_at": "timestamp",
}
"""The columns of METADATA_TABLE; the time is in UTC."""


@dataclass(frozen=True, slots=True)
class VersionFile:
    """The facts of a version, and the name of its table of rows."""

    version: Version
    table: str


def digest(field_map: FieldMap) -> str:
    """Return a field map's fingerprint: equal for versions that were made by the same rules."""
    return hashlib.sha256(field_map.model_dump_json().encode()).hexdigest()


def describe(
    target: Target,
    field_map: FieldMap,
    accepted: AcceptedRows,
    number: int,
    job_id: JobId,
    now: datetime,
) -> VersionFile:
    """Return the facts of the version that a load will publish."""
    version = Version(
        target=target,
        number=number,
        job_id=job_id,
        rows=accepted.rows,
        sha256=accepted.sha256,
        etag=accepted.etag,
        relation=_relation(target, field_map.asset_name),
        published_at=now,
        field_map_sha256=digest(field_map),
    )
    return VersionFile(version, field_map.asset_name)


def metadata_values(described: VersionFile) -> list[object]:
    """Return a version's facts in the order of METADATA_COLUMNS."""
    version = described.version
    metadata = {
        "customer": version.target.customer,
        "environment": version.target.environment.value,
        "feed": version.target.feed,
        "table_name": described.table,
        "number": version.number,
        "job_id": version.job_id,
        "rows": version.rows,
        "sha256": version.sha256,
        "etag": version.etag,
        "field_map_sha256": version.field_map_sha256,
        "published_at": version.published_at.astimezone(UTC).replace(tzinfo=None),
    }
    return [metadata[name] for name in METADATA_COLUMNS]


def version_of(metadata: Mapping[str, Any]) -> VersionFile:
    """Return the version that a row of METADATA_COLUMNS describes."""
    target = Target(metadata["customer"], Environment(metadata["environment"]), metadata["feed"])
    version = Version(
        target=target,
        number=metadata["number"],
        job_id=JobId(metadata["job_id"]),
        rows=metadata["rows"],
        sha256=metadata["sha256"],
        etag=metadata["etag"],
        relation=_relation(target, metadata["table_name"]),
        published_at=metadata["published_at"].replace(tzinfo=UTC),
        field_map_sha256=metadata["field_map_sha256"],
    )
    return VersionFile(version, metadata["table_name"])


def _relation(target: Target, table: str) -> str:
    """Return the name by which readers know a target's table."""
    return f"{target.customer}.{target.environment}.{table}"
