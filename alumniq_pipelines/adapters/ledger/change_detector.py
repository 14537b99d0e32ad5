"""Detecting that nothing was written to the ledger, for less than the query it saves costs.

Sensors look for work several times a second, and most of the time nothing has happened. Both
engines can say so at once: SQLite by a counter in its shared memory, PostgreSQL by the snapshot
that a query would read. Neither needs anything of those who write.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text

from alumniq_pipelines.adapters.ledger.database import Database

STATE_QUERIES = {
    # Changes with every commit of another connection to the same file.
    "sqlite": text("PRAGMA data_version"),
    # Equal snapshots see equal rows. It also changes with other databases of the server. A position
    # in the write-ahead log would not do: it moves on before a commit can be seen.
    "postgresql": text("SELECT pg_current_snapshot()::text"),
}
"""By engine: a query whose result stays the same only while the ledger's rows do."""


@dataclass(kw_only=True)
class ChangeDetector:
    """Tells whether the ledger may have changed since it was last asked.

    Ask first and query afterwards: what is written in between counts as a change the next time.
    """

    connection: Connection
    recheck_seconds: float
    clock: Callable[[], float] = time.monotonic
    _state: object = None
    _checked_at: float = 0.0

    def has_changed(self) -> bool:
        """Return False only if nothing was committed since the last call.

        Rows also fall due by the clock, so it returns True after `recheck_seconds` in any case, and
        at the first call. Raises LedgerUnavailable.
        """
        now = self.clock()
        state = self.connection.scalar(STATE_QUERIES[self.connection.dialect.name])
        if state == self._state and now - self._checked_at < self.recheck_seconds:
            return False
        self._state, self._checked_at = state, now
        return True


@contextmanager
def detect_changes(database: Database, *, recheck_seconds: float) -> Iterator[ChangeDetector]:
    """Yield a detector that has a connection of its own until the end of the block."""
    with database.own_connection() as connection:
        yield ChangeDetector(connection=connection, recheck_seconds=recheck_seconds)
