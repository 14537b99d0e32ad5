"""Heartbeats: when a program of the installation was last known to be at work.

Times are those of the database's clock, so the hosts' own clocks need not agree.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.database import Database, current_time
from alumniq_pipelines.adapters.ledger.host_tables import heartbeats

RECONCILE = "reconcile"
"""The sensor of this name: it ticks all the time while Dagster's daemon and code server work."""


@dataclass(frozen=True)
class Heartbeats:
    """A row per program."""

    database: Database

    def record(self, name: str) -> None:
        """Record that a program is at work now."""
        with self.database.writing() as connection:
            row = {"name": name, "at": current_time(connection)}
            statement = self.database.insert(heartbeats).values(row)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_={"at": row["at"]})
            )

    def age(self, name: str) -> timedelta | None:
        """Return how long ago a program was last known to be at work; None if never."""
        with self.database.reading() as connection:
            at = connection.scalar(select(heartbeats.c.at).where(heartbeats.c.name == name))
            return None if at is None else current_time(connection) - at
