"""Outages: a folder that is missing for a while, or a database that accepts no connection."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

LOCK = "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allowed}"
END = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
OUTAGE_SECONDS = 6.0


def remove_for_a_while(folder: Path) -> bool:
    """Remove a folder for some seconds; a file in its place keeps others from creating it again."""
    folder.mkdir(exist_ok=True)
    hidden = folder.with_name(f"{folder.name}-away")
    folder.rename(hidden)
    folder.touch()
    try:
        time.sleep(OUTAGE_SECONDS)
    finally:
        folder.unlink()
        _bring_back(hidden, folder)
    return True


def _bring_back(hidden: Path, folder: Path) -> None:
    """Put a folder back, though a worker may have created it again this very moment."""
    try:
        hidden.rename(folder)
    except OSError:
        for entry in hidden.iterdir():
            entry.rename(folder / entry.name)
        hidden.rmdir()


def refuse_for_a_while(url: str) -> bool:
    """Make a database unavailable for some seconds."""
    with database_unavailable(url):
        time.sleep(OUTAGE_SECONDS)
    return True


@contextmanager
def database_unavailable(url: str) -> Iterator[None]:
    """End all connections to a PostgreSQL database and refuse new ones.

    Needs a superuser, and a database `postgres` on the same server.
    """
    database = make_url(url)
    server = database.set(drivername="postgresql+psycopg", database="postgres")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    name = engine.dialect.identifier_preparer.quote(database.database or "")
    try:
        with engine.connect() as connection:
            connection.execute(text(LOCK.format(name=name, allowed="false")))
            connection.execute(END, {"name": database.database})
        yield
    finally:
        with engine.connect() as connection:
            connection.execute(text(LOCK.format(name=name, allowed="true")))
        engine.dispose()
