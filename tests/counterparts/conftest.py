"""Systems whose ledger may be restored, with each pair of engines."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from tests.counterparts.restored_system import (
    KEPT,
    PAIRS,
    PostgresStore,
    SqliteStore,
    System,
    add_customer,
)
from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="module")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger")
    add_customer(SqliteStore(folder).url)
    return folder / "ledger.db"


@pytest.fixture(scope="module")
def postgres_template(postgres_server: PostgresServer) -> str:
    name = postgres_server.create()
    add_customer(postgres_server.url(name))
    return name


@pytest.fixture(params=PAIRS, ids=" and ".join)
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """Return a system with a ledger and a warehouse of these engines."""
    ledger, engine = request.param
    store: SqliteStore | PostgresStore = SqliteStore(tmp_path)
    if ledger == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path)
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        template = request.getfixturevalue("postgres_template")
        store = PostgresStore(server, server.create(template))
    warehouse: DuckDBWarehouse | PostgresWarehouse = DuckDBWarehouse(tmp_path / "warehouse", KEPT)
    if engine == "postgres":
        warehouse = PostgresWarehouse(request.getfixturevalue("postgres_url"), KEPT)
    with closing(System(tmp_path, store, warehouse)) as made:
        yield made
