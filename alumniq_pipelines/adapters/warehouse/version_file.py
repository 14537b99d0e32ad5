"""A version as a DuckDB file: the feed's table, and beside it what the version is."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from alumniq_pipelines.adapters.read_paths import file_pattern
from alumniq_pipelines.adapters.warehouse.sql_text import identifier
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.load import JobId
from alumniq_pipelines.core.problems.outage import IncompleteVersion
from alumniq_pipelines.core.target import Environment, Target
from alumniq_pipelines.core.warehouse import AcceptedRows, Version

FACTS = "_version"
"""The table of one row that tells what a version is, so that a file explains itself."""

GAPS = "_gaps"
"""The table that leads from a row's place to its number in the file; see docs/warehouse.md."""

AS_WRITTEN: dict[str, Any] = {"max_vacuum_tasks": 0}
"""How the file of a version is opened to be written: what is in it is not packed anew.

Rejected rows stay in it, marked as deleted: to move the others together would take as long as
writing them did.
"""

FACT_TYPES = {
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
"""The columns of FACTS; the time is in UTC."""


@dataclass(frozen=True, slots=True)
class VersionFile:
    """What the file of a version tells of it."""

    version: Version
    table: str


def digest(field_map: FieldMap) -> str:
    """Fingerprint a field map: it tells whether two versions were made by the same rules."""
    return hashlib.sha256(field_map.model_dump_json().encode()).hexdigest()


def describe(
    target: Target,
    field_map: FieldMap,
    accepted: AcceptedRows,
    number: int,
    job_id: JobId,
    now: datetime,
) -> VersionFile:
    """Say what the version of a load will be."""
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


def complete(accepted: AcceptedRows, described: VersionFile) -> None:
    """Make a version of a database of accepted rows: named, counted, explained and at rest.

    Raises IncompleteVersion where it has another number of rows than was announced.
    """
    with duckdb.connect(database_path(accepted.database), config=AS_WRITTEN) as connection:
        if accepted.table != described.table:
            names = identifier(accepted.table), identifier(described.table)
            connection.execute(f"alter table {names[0]} rename to {names[1]}")
        (found,) = connection.table(identifier(described.table)).count("*").fetchall()[0]
        if found != accepted.rows:
            raise IncompleteVersion(accepted.rows, found)
        columns = ", ".join(f"{name} {kind}" for name, kind in FACT_TYPES.items())
        connection.execute(f"create table {FACTS} ({columns})")
        connection.table(FACTS).insert(facts_of(described))
        connection.execute("checkpoint")


def read(files: Collection[Path]) -> Sequence[VersionFile]:
    """Read what versions are, in the order of their files."""
    if not files:
        return []
    with duckdb.connect() as connection:
        rows = connection.execute(
            "from read_duckdb(?, table_name = ?, hive_partitioning = false)",
            [[file_pattern(file) for file in files], FACTS],
        ).fetchall()
    return [version_of(dict(zip(FACT_TYPES, row, strict=True))) for row in rows]


def facts_of(described: VersionFile) -> list[object]:
    """Put what a version is into the columns of FACTS."""
    version = described.version
    facts = {
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
    return [facts[name] for name in FACT_TYPES]


def version_of(facts: Mapping[str, Any]) -> VersionFile:
    """Read the columns of FACTS back."""
    target = Target(facts["customer"], Environment(facts["environment"]), facts["feed"])
    version = Version(
        target=target,
        number=facts["number"],
        job_id=JobId(facts["job_id"]),
        rows=facts["rows"],
        sha256=facts["sha256"],
        etag=facts["etag"],
        relation=_relation(target, facts["table_name"]),
        published_at=facts["published_at"].replace(tzinfo=UTC),
        field_map_sha256=facts["field_map_sha256"],
    )
    return VersionFile(version, facts["table_name"])


def _relation(target: Target, table: str) -> str:
    """Name a target's table as readers know it."""
    return f"{target.customer}.{target.environment}.{table}"
