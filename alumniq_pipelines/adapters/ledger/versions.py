"""The history of published versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Insert, RowMapping, and_, null, select

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import attempts, audit, holds, versions
from alumniq_pipelines.adapters.ledger.targets import (
    matches_target,
    target_columns,
    target_of,
    target_values,
)
from alumniq_pipelines.core.loads.baseline import (
    BASELINE_PERIOD,
    MAX_VERSIONS,
    ROLLBACK,
    Baseline,
    PastVersion,
    Rollback,
)
from alumniq_pipelines.core.loads.hold import Decision
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.losses import Period
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.version_profile import Profile
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

    def has(self, version: Version) -> bool:
        """Return whether a version is recorded as that of its load."""
        recorded = select(versions.c.number).where(
            matches_target(versions, version.target),
            versions.c.number == version.number,
            versions.c.job_id == version.job_id,
        )
        with self.database.reading() as connection:
            return connection.scalar(recorded) is not None

    def is_published(self, job_id: JobId) -> bool:
        """Return whether a version of a load is recorded."""
        recorded = select(versions.c.number).where(versions.c.job_id == job_id).limit(1)
        with self.database.reading() as connection:
            return connection.scalar(recorded) is not None

    def targets(self) -> Sequence[Target]:
        """Return the targets of which a version was ever published, in order."""
        columns = target_columns(versions)
        query = select(*columns).distinct().order_by(*columns)
        with self.database.reading() as connection:
            return [target_of(row) for row in connection.execute(query).mappings()]

    def newest(self, target: Target) -> int | None:
        """Return the number of a target's newest version; None if none was published."""
        published = self.of(target, 1)
        return published[0].number if published else None

    def baseline(self, target: Target, now: datetime) -> Baseline:
        """Return the versions that a load of a target is compared with, beside the live one."""
        since = now - BASELINE_PERIOD
        # An approved load was profiled when it was held, by an earlier attempt than published it.
        has_profile = and_(
            attempts.c.job_id == versions.c.job_id, attempts.c.profile.is_not(null())
        )
        query = (
            select(
                versions.c.number,
                versions.c.published_at,
                versions.c.rows,
                attempts.c.profile,
                holds.c.decision,
            )
            .select_from(
                versions.outerjoin(attempts, has_profile).outerjoin(
                    holds, holds.c.job_id == versions.c.job_id
                )
            )
            .where(matches_target(versions, target), versions.c.published_at >= since)
            .order_by(versions.c.number.desc(), attempts.c.number.desc())
            .limit(MAX_VERSIONS)
        )
        rolled_back = (
            select(audit.c.at, audit.c.detail)
            .where(audit.c.subject == str(target), audit.c.action == ROLLBACK, audit.c.at >= since)
            .order_by(audit.c.id.desc())
            .limit(1)
        )
        found: dict[int, PastVersion] = {}
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings().all()
            for row in rows:
                found.setdefault(row["number"], _past_version(row))
            entry = connection.execute(rolled_back).mappings().one_or_none()
        rollback = None if entry is None else Rollback(to=entry["detail"]["to"], at=entry["at"])
        period = Period.DAYS if len(rows) < MAX_VERSIONS else Period.NEWEST
        return Baseline.since_accepted(list(found.values()), rollback, period)

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


def _past_version(row: RowMapping) -> PastVersion:
    stored = row["profile"]
    return PastVersion(
        number=row["number"],
        published_at=row["published_at"],
        rows=row["rows"],
        profile=None if stored is None else Profile.from_json(stored),
        is_approved=row["decision"] is Decision.APPROVED,
    )


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
