"""A ledger on each engine, empty and migrated."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.load import Load, LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from tests.servers.postgres import PostgresServer

ENGINES = ("sqlite", "postgresql")
NOW = datetime(2026, 3, 1, 2, 30, 0, 123_456, tzinfo=UTC)

Accept = Callable[..., Load]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite file, for copying."""
    path = tmp_path_factory.mktemp("ledger") / "template.db"
    ledger = Ledger.open(f"sqlite:///{path}")
    ledger.migrate()
    ledger.close()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """Migrate one PostgreSQL database, for cloning."""
    name = postgres_server.create()
    ledger = Ledger.open(postgres_server.url(name))
    ledger.migrate()
    ledger.close()
    return name


@pytest.fixture(params=ENGINES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address a database without tables, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=ENGINES)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address a migrated database of the test's own, on each engine."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        copy = shutil.copy(template, tmp_path / "ledger.db")
        yield f"sqlite:///{copy}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create(request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """Open a ledger of the test's own, on each engine."""
    opened = Ledger.open(ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def target(ledger: Ledger) -> Target:
    """Add a customer, and return one of its targets."""
    ledger.customers.add(Customer("iqu", "Inter-Quad University", "alumniq-iqu"), NOW)
    return Target("iqu", Environment.QA, "warehouse")


@pytest.fixture
def accept(ledger: Ledger, target: Target) -> Accept:
    """Accept loads of the target; anything but the time may be said otherwise."""

    def accept_load(**changes: Any) -> Load:
        request = LoadRequest(new_job_id(), target, "warehouse.csv", "e1", 1_000)
        return ledger.loads.accept(replace(request, **changes), NOW)

    return accept_load


def version_of(load: Load) -> Version:
    """Return the version that a load would have published."""
    return Version(
        target=load.target,
        number=load.number,
        job_id=load.job_id,
        rows=9,
        sha256="cafe",
        etag=None,
        relation="warehouse",
        published_at=NOW,
    )
