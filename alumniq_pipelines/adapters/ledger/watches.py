"""Watches: the delivery schedules of targets, and when their files arrived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, ScalarSelect, Select, delete, select, update
from sqlalchemy.exc import IntegrityError

from alumniq_pipelines.adapters.ledger.audit import AuditTrail
from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.tables import loads, watches
from alumniq_pipelines.adapters.ledger.targets import (
    matches_target,
    same_target,
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
MAX_REPEATS_SKIPPED = 10
"""How many loads that repeat an arrival are read in excess of the limit."""


@dataclass(frozen=True)
class Watches:
    """The watches on targets, at most one each."""

    database: Database
    audit: AuditTrail

    def set(self, watch: Watch, now: datetime, *, actor: str = "system") -> None:
        """Set or replace a watch; raises UnknownCustomer."""
        target, schedule = watch.target, watch.schedule
        period, grace = schedule.period, int(schedule.grace.total_seconds())
        days_off = [str(day_off) for day_off in schedule.days_off]
        terms = {
            "cron": schedule.cron,
            "period_seconds": None if period is None else int(period.total_seconds()),
            "time_zone": schedule.time_zone,
            "grace_seconds": grace,
            "days_off": days_off,
            "skips_weekends": schedule.skips_weekends,
            "heartbeat_url": watch.heartbeat_url,
            "since": watch.since,
            "snoozed_until": watch.snoozed_until,
        }
        detail: dict[str, str | int] = {
            "schedule": schedule.cron or str(period),
            "time_zone": schedule.time_zone,
            "grace_seconds": grace,
            "days_off": ", ".join(days_off),
            "skips_weekends": int(schedule.skips_weekends),
            # Not the URL itself, which is a secret.
            "heartbeat": "yes" if watch.heartbeat_url else "no",
        }
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
                    detail=detail,
                    connection=connection,
                )
        except IntegrityError:
            raise UnknownCustomer(target.customer) from None

    def get(self, target: Target) -> Watch | None:
        """Return the watch on a target, if there is one."""
        query = select(watches).where(matches_target(watches, target))
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _watch(row)

    def all(self, customer: str | None = None) -> Sequence[Watch]:
        """Return watches by customer, environment and feed."""
        query = select(watches).order_by(*_TARGET)
        if customer is not None:
            query = query.where(watches.c.customer == customer)
        with self.database.reading() as connection:
            return [_watch(row) for row in connection.execute(query).mappings()]

    def snooze(
        self, target: Target, until: datetime | None, now: datetime, *, actor: str = "system"
    ) -> bool:
        """Snooze a watch until a time; None ends the snooze. False if there is no watch."""
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
        """Remove a watch; False if there is none."""
        with self.database.writing() as connection:
            removed = delete(watches).where(matches_target(watches, target))
            if connection.execute(removed).rowcount == 0:
                return False
            self.audit.add(actor, "watch removed", str(target), now, connection=connection)
        return True

    def arrivals(self, target: Target, limit: int = 2) -> Sequence[datetime]:
        """Return when the published files arrived, newest first, each file once.

        A file arrives when its webhook is accepted. A load that staff requested publishes a file
        that a webhook had announced before, so it counts as that arrival; without one there was no
        arrival.
        """
        requested = loads.alias("requested")
        arrived_at = (
            select(requested.c.accepted_at)
            .where(
                same_target(requested, loads),
                # A webhook's load is its own arrival; one of staff has the nearest before it.
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
            .limit(limit + MAX_REPEATS_SKIPPED)
        )
        with self.database.reading() as connection:
            times = [time for time in connection.scalars(query) if time is not None]
        # Loads of the same file share their arrival: each is counted once, in the same order.
        return list(dict.fromkeys(times))[:limit]

    def latest_arrivals(self, customer: str | None = None) -> Mapping[Target, tuple[datetime, ...]]:
        """Return the latest two arrivals of each watched target, newest first, with one query."""
        query = _LATEST_ARRIVALS
        if customer is not None:
            query = query.where(watches.c.customer == customer)
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings()
            return {
                target_of(row): tuple(time for time in (row["last"], row["before"]) if time)
                for row in rows
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


def _latest_arrivals() -> Select[Any]:
    """Return the query for the latest two arrivals of each watched target.

    Six steps along the index on the target for each watch: the newest success and its arrival, the
    newest success before that arrival, and its arrival. Ranking the successes instead would read
    the whole past of all loads.
    """
    last = _newest("number", is_arrival=True, until=_newest("number", is_arrival=False))
    earlier = _newest("number", is_arrival=False, until=last - 1)
    return select(
        *_TARGET,
        _newest("accepted_at", is_arrival=True, until=_newest("number", is_arrival=False)).label(
            "last"
        ),
        _newest("accepted_at", is_arrival=True, until=earlier).label("before"),
    )


def _newest(column: str, *, is_arrival: bool, until: Any = None) -> ScalarSelect[Any]:
    """Return a column of a watch's newest load, up to a number: an arrival, or a success."""
    load = loads.alias()
    kind = load.c.origin == Origin.WEBHOOK if is_arrival else load.c.state == LoadState.SUCCEEDED
    query = select(load.c[column]).where(
        *(load.c[name.name] == name for name in _TARGET), kind, load.c.dry_run.is_(False)
    )
    if until is not None:
        query = query.where(load.c.number <= until)
    return query.order_by(load.c.number.desc()).limit(1).correlate(watches).scalar_subquery()


_LATEST_ARRIVALS = _latest_arrivals()
