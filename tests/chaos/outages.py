"""An outage of a ledger in PostgreSQL: its connections end, and no new one is accepted."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url, text

LOCK = "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allowed}"
END = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")


@contextmanager
def ledger_unavailable(url: str) -> Iterator[None]:
    """Refuse all connections to a database; needs a superuser and a database `postgres`."""
    ledger = make_url(url)
    server = ledger.set(drivername="postgresql+psycopg", database="postgres")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    name = engine.dialect.identifier_preparer.quote(ledger.database or "")
    try:
        with engine.connect() as connection:
            connection.execute(text(LOCK.format(name=name, allowed="false")))
            connection.execute(END, {"name": ledger.database})
        yield
    finally:
        with engine.connect() as connection:
            connection.execute(text(LOCK.format(name=name, allowed="true")))
        engine.dispose()
