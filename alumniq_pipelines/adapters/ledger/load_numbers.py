"""The numbers of loads: each is given once, also by a ledger that was restored from a backup.

Loads that were accepted after the backup have numbers of which the ledger does not know, and
versions in the warehouse have them, too. So the counter is lifted above those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text, update

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.load_transitions import lock_line
from alumniq_pipelines.adapters.ledger.tables import loads
from alumniq_pipelines.adapters.ledger.targets import matches_target
from alumniq_pipelines.core.loads.load import FINAL_STATES, JobId
from alumniq_pipelines.core.loads.target import Target

SEQUENCE = "pg_get_serial_sequence('loads', 'number')::regclass"


@dataclass(frozen=True)
class LoadNumbers:
    """The counter of the numbers of loads."""

    database: Database

    def last(self) -> int:
        """Return the number that was given last; 0 if none was."""
        with self.database.reading() as connection:
            return _last(connection)

    def lift(self, highest: int) -> bool:
        """Let every load that is accepted from now on have a higher number than this.

        False, with nothing written, if it would have one anyway. Harmless to repeat and to run in
        several processes at once.
        """
        if self.last() >= highest:
            return False
        with self.database.writing() as connection:
            return _lift(connection, highest)

    def renumber(
        self, target: Target, accepted_after: datetime, above: int
    ) -> Sequence[tuple[JobId, int]]:
        """Give the unfinished loads of a target that were accepted after a time higher numbers.

        Those with a number up to `above` get new ones, in the same order, above that and above all
        that were given. Return them with their new numbers.
        """
        wanted = (
            select(loads.c.job_id)
            .where(
                matches_target(loads, target),
                loads.c.number <= above,
                loads.c.accepted_at > accepted_after,
                loads.c.state.not_in(sorted(FINAL_STATES)),
            )
            .order_by(loads.c.number)
        )
        with self.database.writing() as connection:
            lock_line(connection, target)
            _lift(connection, above)
            return [
                (job_id, _give_next(connection, job_id))
                for job_id in connection.scalars(wanted).all()
            ]


def _last(connection: Connection) -> int:
    """Return the number that was given last."""
    if connection.dialect.name == "postgresql":
        last = connection.scalar(text(f"SELECT pg_sequence_last_value({SEQUENCE})"))
    else:
        last = connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'loads'"))
    return last or 0


def _lift(connection: Connection, highest: int) -> bool:
    """Set the counter to a number, unless it is there already."""
    if connection.dialect.name == "postgresql":
        # A sequence does not wait for transactions: without the lock, a load that is accepted right
        # now might take a number between reading the counter and setting it.
        connection.execute(text("LOCK TABLE loads IN SHARE ROW EXCLUSIVE MODE"))
    if _last(connection) >= highest:
        return False
    _set(connection, highest)
    return True


def _set(connection: Connection, number: int) -> None:
    """Set the counter; on SQLite, a table without any row has none yet."""
    values = {"number": number}
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT setval({SEQUENCE}, :number)"), values)
        return
    changed = text("UPDATE sqlite_sequence SET seq = :number WHERE name = 'loads'")
    if connection.execute(changed, values).rowcount == 0:
        connection.execute(text("INSERT INTO sqlite_sequence VALUES ('loads', :number)"), values)


def _give_next(connection: Connection, job_id: JobId) -> int:
    """Give a load the next number; only with the counter locked."""
    number = _last(connection) + 1
    _set(connection, number)
    connection.execute(update(loads).where(loads.c.job_id == job_id).values(number=number))
    return number
