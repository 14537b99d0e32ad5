"""Watches: the rhythm of each target, and when its loads came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.exc import IntegrityError

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import loads, watches
from alumniq_pipelines.adapters.ledger.targets import (
    matches_target,
    target_columns,
    target_of,
    target_values,
)
from alumniq_pipelines.core.loads.load import LoadState, Origin
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.schedule import DaysOff, DeliverySchedule
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.problems.command import UnknownCustomer

_TARGET = target_columns(watches)


@dataclass(frozen=True)
class Watches:
    """What is expected of targets, one watch each at most."""

    database: Database
    audit: AuditTrail

    def set(self, watch: Watch, now: datetime, *, actor: str = "system") -> None:
        """Keep or replace a watch; raises UnknownCustomer."""
        target = watch.target
        terms = _terms(watch)
        statement = self.database.insert(watches).values(**target_values(target), **terms)
        try:
            with self.database.writing() as connection:
                connection.execute(
                    statement.on_conflict_do_update(index_elements=_TARGET, set_=terms)
                )
                self.audit.add(
                    actor,
                    "watch set",
                    str(target),
                    now,
                    detail=_audit_detail(watch),
                    connection=connection,
                )
        except IntegrityError:
            raise UnknownCustomer(target.customer) from None

    def get(self, target: Target) -> Watch | None:
        """Answer the watch on a target, if there is one."""
        with self.database.reading() as connection:
            row = (
                connection.execute(select(watches).where(matches_target(watches, target)))
                .mappings()
                .one_or_none()
            )
        return None if row is None else _watch(row)

    def all(self, customer: str | None = None) -> Sequence[Watch]:
        """List watches by customer, environment and feed."""
        query = select(watches).order_by(*_TARGET)
        if customer is not None:
            query = query.where(watches.c.customer == customer)
        with self.database.reading() as connection:
            return [_watch(row) for row in connection.execute(query).mappings()]

    def snooze(
        self, target: Target, until: datetime | None, now: datetime, *, actor: str = "system"
    ) -> bool:
        """Expect nothing before a time, or again where it is None; False where no watch is."""
        snoozed = update(watches).where(matches_target(watches, target)).values(snoozed_until=until)
        with self.database.writing() as connection:
            if connection.execute(snoozed).rowcount == 0:
                return False
            detail = {"until": "now" if until is None else until.isoformat()}
            self.audit.add(
                actor, "watch snoozed", str(target), now, detail=detail, connection=connection
            )
        return True

    def remove(self, target: Target, now: datetime, *, actor: str = "system") -> bool:
        """Watch a target no more; False where no watch is."""
        with self.database.writing() as connection:
            if (
                connection.execute(delete(watches).where(matches_target(watches, target))).rowcount
                == 0
            ):
                return False
            self.audit.add(actor, "watch removed", str(target), now, connection=connection)
        return True

    def arrivals(self, target: Target, limit: int = 2) -> Sequence[datetime]:
        """Answer when the loads came that were published, newest first, each once.

        A load that staff asked for brings in the file that a webhook had asked for before: it came
        when that was accepted. Where there was none, nothing came.
        """
        requested = loads.alias("asked")
        arrived_at = (
            select(requested.c.accepted_at)
            .where(
                requested.c.customer == loads.c.customer,
                requested.c.environment == loads.c.environment,
                requested.c.feed == loads.c.feed,
                requested.c.number <= loads.c.number,
                requested.c.origin == Origin.WEBHOOK,
                requested.c.dry_run.is_(False),
            )
            .order_by(requested.c.number.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = (
            select(arrived_at)
            .where(
                matches_target(loads, target),
                loads.c.state == LoadState.SUCCEEDED,
                loads.c.dry_run.is_(False),
            )
            .order_by(loads.c.number.desc())
            .limit(limit + _MAX_REPEATS_SKIPPED)
        )
        with self.database.reading() as connection:
            found = [moment for moment in connection.scalars(query) if moment is not None]
        return list(dict.fromkeys(found))[:limit]


_MAX_REPEATS_SKIPPED = 10
"""So many repeats by staff of one file are looked through for the one before it."""


def _terms(watch: Watch) -> dict[str, Any]:
    schedule = watch.schedule
    return {
        "cron": schedule.cron,
        "period_seconds": None if schedule.period is None else int(schedule.period.total_seconds()),
        "time_zone": schedule.time_zone,
        "grace_seconds": int(schedule.grace.total_seconds()),
        "days_off": [str(day_off) for day_off in schedule.days_off],
        "skips_weekends": schedule.skips_weekends,
        "heartbeat_url": watch.heartbeat_url,
        "since": watch.since,
        "snoozed_until": watch.snoozed_until,
    }


def _audit_detail(watch: Watch) -> dict[str, str | int]:
    """Lay a watch out for the audit trail; the heartbeat's URL is a secret of its own."""
    schedule = watch.schedule
    return {
        "rhythm": schedule.cron or str(schedule.period),
        "time_zone": schedule.time_zone,
        "grace_seconds": int(schedule.grace.total_seconds()),
        "days_off": ", ".join(str(day_off) for day_off in schedule.days_off),
        "skips_weekends": int(schedule.skips_weekends),
        "heartbeat": "yes" if watch.heartbeat_url else "no",
    }


def _watch(row: RowMapping) -> Watch:
    period = row["period_seconds"]
    return Watch(
        target_of(row),
        DeliverySchedule(
            cron=row["cron"],
            period=None if period is None else timedelta(seconds=period),
            time_zone=row["time_zone"],
            grace=timedelta(seconds=row["grace_seconds"]),
            days_off=tuple(DaysOff.of(day_off) for day_off in row["days_off"]),
            skips_weekends=row["skips_weekends"],
        ),
        since=row["since"],
        snoozed_until=row["snoozed_until"],
        heartbeat_url=row["heartbeat_url"],
    )
