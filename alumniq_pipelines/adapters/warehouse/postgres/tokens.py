"""Which attempts may still move the pointer: a row per fencing token in a table beside `_live`.

A row is committed before the version is copied. The transaction that moves the pointer deletes it,
and cannot commit unless it was there and not revoked. Rows of revoked tokens stay.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, errors

from alumniq_pipelines.adapters.warehouse.postgres.schema_layout import SchemaLayout

# The session of a publisher: process numbers are used again, so its start is stored as well.
OWN_SESSION = "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()"
END_SESSION = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where pid = %s and backend_start = %s and usename = current_user
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The token of one attempt to publish a version."""

    layout: SchemaLayout
    number: int
    attempt: int

    @property
    def key(self) -> Sequence[object]:
        """The key of its row."""
        return (self.layout.target.feed, self.number, self.attempt)

    def prepare(self, connection: Connection[Any]) -> bool:
        """Store the token with this session; False if it is revoked."""
        found = connection.execute(
            f"insert into {self.layout.tokens} as token (feed, number, attempt, pid, started_at) "
            f"select %s, %s, %s, pid, backend_start from ({OWN_SESSION}) own "
            "on conflict (feed, number, attempt) do update "
            "set pid = excluded.pid, started_at = excluded.started_at where not token.is_revoked",
            self.key,
        )
        return found.rowcount == 1

    def spend(self, connection: Connection[Any]) -> bool:
        """Delete the token, in the transaction that moves the pointer; False if it is revoked."""
        found = connection.execute(
            f"delete from {self.layout.tokens} "
            "where (feed, number, attempt) = (%s, %s, %s) and not is_revoked",
            self.key,
        )
        return found.rowcount == 1

    def is_revoked(self, connection: Connection[Any]) -> bool:
        """Whether the token is revoked."""
        found = connection.execute(
            f"select from {self.layout.tokens} "
            "where (feed, number, attempt) = (%s, %s, %s) and is_revoked",
            self.key,
        )
        return found.fetchone() is not None

    def revoke(self, connection: Connection[Any]) -> None:
        """Prevent this attempt from moving the pointer; harmless to repeat.

        Its session is ended: if its process is paused, it would hold the lock of the target. Waits
        as long as the connection's lock timeout for a transaction that is moving the pointer.
        """
        sessions = connection.execute(
            f"select pid, started_at from {self.layout.tokens} "
            "where (feed, number, attempt) = (%s, %s, %s) and pid is not null",
            self.key,
        ).fetchall()
        try:
            self._mark(connection)
        except errors.LockNotAvailable:
            # Paused between spending the token and the commit: what it did is undone, unless the
            # commit has arrived meanwhile.
            _end(connection, sessions)
            self._mark(connection)
        else:
            _end(connection, sessions)

    def _mark(self, connection: Connection[Any]) -> None:
        connection.execute(
            f"insert into {self.layout.tokens} (feed, number, attempt, is_revoked) "
            "values (%s, %s, %s, true) on conflict (feed, number, attempt) do update "
            "set is_revoked = true",
            self.key,
        )


def clear_tokens(connection: Connection[Any], layout: SchemaLayout, live: int, oldest: int) -> None:
    """Delete the tokens that decide nothing any more, now that a number is live.

    Those of revoked attempts do as long as a rollback can make a lower number live.
    """
    connection.execute(
        f"delete from {layout.tokens} where feed = %s "
        "and case when is_revoked then number < %s else number <= %s end",
        [layout.target.feed, oldest, live],
    )


def _end(connection: Connection[Any], sessions: Sequence[Sequence[object]]) -> None:
    """End the sessions of a revoked publisher, if they are still open and we may."""
    for session in sessions:
        with suppress(errors.InsufficientPrivilege):
            connection.execute(END_SESSION, session)
