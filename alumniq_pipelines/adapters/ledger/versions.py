"""The history of published versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Insert, RowMapping, select

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import versions
from alumniq_pipelines.adapters.ledger.targets import matches_target, target_of, target_values
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Version


@dataclass(frozen=True)
class Versions:
    """The published versions of all targets, also those that are no longer stored."""

    database: Database

    def record(self, version: Version, now: datetime) -> None:
        """Record a published version; repeating it changes nothing."""
        with self.database.writing_once() as connection:
            connection.execute(insert_version(self.database, version, now))

    def of(self, target: Target, limit: int = 50) -> Sequence[Version]:
        """Return a target's versions, newest first."""
        query = (
            select(versions)
            .where(matches_target(versions, target))
            .order_by(versions.c.number.desc())
            .limit(limit)
        )
        with self.database.reading() as connection:
            return [_version(target, row) for row in connection.execute(query).mappings()]

    def newest(self, target: Target) -> int | None:
        """Return the number of a target's newest version; None if none was published."""
        published = self.of(target, 1)
        return published[0].number if published else None

    def by_sha256(self, sha256: str) -> Sequence[Version]:
        """Return the versions of all targets that were made from a file, newest first."""
        query = select(versions).where(versions.c.sha256 == sha256)
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(versions.c.number.desc())).mappings()
            return [_version(target_of(row), row) for row in rows]


def insert_version(database: Database, version: Version, now: datetime) -> Insert:
    """Return the statement that records a published version; repeating it changes nothing."""
    statement = database.insert(versions).values(
        **target_values(version.target),
        number=version.number,
        job_id=version.job_id,
        rows=version.rows,
        sha256=version.sha256,
        etag=version.etag,
        field_map_sha256=version.field_map_sha256,
        relation=version.relation,
        published_at=version.published_at,
        recorded_at=now,
    )
    return statement.on_conflict_do_nothing(index_elements=versions.primary_key)


def _version(target: Target, row: RowMapping) -> Version:
    return Version(
        target=target,
        number=row["number"],
        job_id=JobId(row["job_id"]),
        rows=row["rows"],
        sha256=row["sha256"],
        etag=row["etag"],
        relation=row["relation"],
        published_at=row["published_at"],
        field_map_sha256=row["field_map_sha256"] or "",
    )
