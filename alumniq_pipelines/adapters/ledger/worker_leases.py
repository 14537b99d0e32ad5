"""Leases of run workers on any host: a row per run, renewed while its worker lives.

Times are those of the database's clock, so the hosts' own clocks need not agree.
"""

import logging
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from alumniq_pipelines.adapters.ledger.database import Database, current_time
from alumniq_pipelines.adapters.ledger.run_tables import worker_leases
from alumniq_pipelines.core.problems.outage import LedgerUnavailable

log = logging.getLogger(__name__)

RENEWAL = timedelta(seconds=10)
EXPIRY = timedelta(seconds=40)
"""Of a lease that is not renewed. With the time until a reconciler looks, a dead worker is noticed
within a minute.
"""
DONE = timedelta(seconds=60)
"""From the end of a worker until Dagster has heard of the end of its run for sure."""
RETENTION = timedelta(hours=1)

RECONCILER = "reconciler"
"""The lease of the reconciler itself, in place of a run's id."""


@dataclass(frozen=True, slots=True)
class LedgerLeases:
    """Implements core's WorkerLeases; `host` is the name of this machine, for people."""

    database: Database
    host: str

    @contextmanager
    def hold(self, run_id: str) -> Iterator[None]:
        """Hold the lease of a run, which a thread renews; raises LedgerUnavailable at the start."""
        self._take(run_id)
        is_over = threading.Event()
        renewer = threading.Thread(
            target=self._renew_until, args=(run_id, is_over), name="lease", daemon=True
        )
        renewer.start()
        try:
            yield
        finally:
            is_over.set()
            renewer.join()
            self._renew(run_id, is_over=True)

    def dead(self, run_ids: Collection[str]) -> Collection[str]:
        """Return the runs whose lease has expired.

        None while this reconciler has itself not been able to renew its lease for some time: the
        database was away, or this machine stood still, so workers could not renew theirs either.
        """
        if not run_ids:
            return ()
        with self.database.writing() as connection:
            now = current_time(connection)
            if not self._has_watched(connection, now):
                return ()
            return self._find(
                connection,
                run_ids,
                worker_leases.c.ended_at.is_(None),
                worker_leases.c.renewed_at < now - EXPIRY,
            )

    def missing(self, run_ids: Collection[str]) -> Collection[str]:
        """Return the runs that have no lease, or whose worker finished a minute ago."""
        if not run_ids:
            return ()
        with self.database.reading() as connection:
            known = self._find(
                connection,
                run_ids,
                or_(
                    worker_leases.c.ended_at.is_(None),
                    worker_leases.c.ended_at > current_time(connection) - DONE,
                ),
            )
        return set(run_ids) - known

    def clear(self, run_id: str) -> None:
        """Delete the lease of a dead worker."""
        with self.database.writing_once() as connection:
            connection.execute(delete(worker_leases).where(worker_leases.c.run_id == run_id))

    def vanished(self, silence: timedelta) -> Sequence[str]:
        """Return the hosts with a worker that has not renewed its lease for so long."""
        with self.database.reading() as connection:
            now = current_time(connection)
            query = select(worker_leases.c.host).where(
                worker_leases.c.run_id != RECONCILER,
                worker_leases.c.ended_at.is_(None),
                worker_leases.c.renewed_at.between(now - RETENTION, now - silence),
            )
            return sorted(set(connection.scalars(query)))

    def _take(self, run_id: str) -> None:
        with self.database.writing() as connection:
            now = current_time(connection)
            connection.execute(
                delete(worker_leases).where(
                    or_(
                        worker_leases.c.run_id == run_id,
                        worker_leases.c.renewed_at < now - RETENTION,
                    )
                )
            )
            self._insert(connection, run_id, now)

    def _insert(self, connection: Connection, run_id: str, now: datetime) -> None:
        row = {"run_id": run_id, "host": self.host, "taken_at": now, "renewed_at": now}
        statement = self.database.insert(worker_leases).values(row)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["run_id"], set_={**row, "ended_at": None}
            )
        )

    def _renew_until(self, run_id: str, is_over: threading.Event) -> None:
        while not is_over.wait(RENEWAL.total_seconds()):
            self._renew(run_id)

    def _renew(self, run_id: str, *, is_over: bool = False) -> None:
        """Renew or end a lease; without the ledger it expires, and the attempt is fenced anyway."""
        try:
            with self.database.writing() as connection:
                now = current_time(connection)
                changed = {"renewed_at": now} | ({"ended_at": now} if is_over else {})
                connection.execute(
                    update(worker_leases).where(worker_leases.c.run_id == run_id).values(changed)
                )
        except LedgerUnavailable as problem:
            log.warning("The lease of run %s was not renewed: %s", run_id, problem)

    def _has_watched(self, connection: Connection, now: datetime) -> bool:
        """Whether this reconciler has renewed its own lease for as long as a lease may last."""
        own = worker_leases.c.run_id == RECONCILER
        found = connection.execute(
            select(worker_leases.c.taken_at, worker_leases.c.renewed_at).where(own)
        ).one_or_none()
        if found is None or found.renewed_at < now - 2 * RENEWAL:
            self._insert(connection, RECONCILER, now)
            return False
        connection.execute(update(worker_leases).where(own).values(renewed_at=now))
        return bool(found.taken_at < now - EXPIRY)

    @staticmethod
    def _find(
        connection: Connection, run_ids: Collection[str], *conditions: ColumnElement[bool]
    ) -> set[str]:
        wanted = select(worker_leases.c.run_id).where(
            worker_leases.c.run_id.in_(list(run_ids)), *conditions
        )
        return set(connection.scalars(wanted))


def count_leases(database: Database) -> tuple[int, int]:
    """Count the runs at work whose lease is alive, and those whose lease has expired."""
    with database.reading() as connection:
        is_expired = worker_leases.c.renewed_at < current_time(connection) - EXPIRY
        query = (
            select(is_expired, func.count())
            .where(worker_leases.c.ended_at.is_(None), worker_leases.c.run_id != RECONCILER)
            .group_by(is_expired)
        )
        counts = {bool(expired): count for expired, count in connection.execute(query)}
    return counts.get(False, 0), counts.get(True, 0)
