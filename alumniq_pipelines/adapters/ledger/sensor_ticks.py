"""When each sensor last ticked without a fault, for monitors on any host."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.run_tables import sensor_ticks

PRECISION = timedelta(seconds=30)
"""Ticks within this time of a recorded one are not recorded: each write wakes up who polls."""


RECONCILE = "reconcile"
"""The sensor that ticks all the time while Dagster's daemon and code server work."""


@dataclass(frozen=True, slots=True)
class SensorTicks:
    """The last tick of each sensor, to within PRECISION."""

    database: Database

    def record(self, sensor: str, now: datetime) -> None:
        """Record that a sensor has ticked, unless it did so shortly before."""
        query = select(sensor_ticks.c.ticked_at).where(sensor_ticks.c.sensor == sensor)
        with self.database.reading() as connection:
            last: datetime | None = connection.scalar(query)
        if last is not None and now - last < PRECISION:
            return
        row = {"sensor": sensor, "ticked_at": now}
        statement = self.database.insert(sensor_ticks).values(row)
        with self.database.writing_once() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["sensor"], set_={"ticked_at": now})
            )

    def last(self) -> Mapping[str, datetime]:
        """Return the last tick of each sensor that has ever ticked."""
        with self.database.reading() as connection:
            rows = connection.execute(select(sensor_ticks.c.sensor, sensor_ticks.c.ticked_at))
            return {row.sensor: row.ticked_at for row in rows}
