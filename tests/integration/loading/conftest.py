"""A small feed, and what is needed to load it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.warehouse import Warehouse
from tests.integration.loading.installation import Installation

DOCUMENT = {
    "name": "people",
    "path": "people.csv",
    "title": "People",
    "description": "One row per person.",
    "alumniq": {"extensionColumns": True},
    "schema": {
        "primaryKey": ["xid"],
        "fields": [
            {"name": "xid", "constraints": {"maxLength": 9}},
            {"name": "lastName", "constraints": {"required": True}},
            {"name": "visits", "type": "integer", "alumniq": {"default": 0}},
            {"name": "born", "type": "date", "constraints": {"minimum": "1900-01-01"}},
            {"name": "email", "constraints": {"unique": True, "pattern": "[^@ ]+@[^@ ]+"}},
            {
                "name": "nation",
                "constraints": {"enum": ["USA", "DEU"]},
                "alumniq": {"severity": "warning"},
            },
        ],
    },
}


@pytest.fixture(scope="session")
def people() -> FieldMap:
    return FieldMap.model_validate(DOCUMENT)


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """Return a warehouse of either engine."""
    if request.param == "duckdb":
        return DuckDBWarehouse(tmp_path / "warehouse")
    return PostgresWarehouse(request.getfixturevalue("postgres_url"))


@pytest.fixture
def installation(tmp_path: Path, people: FieldMap, warehouse: Warehouse) -> Iterator[Installation]:
    """Yield an installation, and assert that nothing is left in its scratch folder."""
    given = Installation(tmp_path, people, warehouse)
    yield given
    assert not given.scratch.exists() or not list(given.scratch.iterdir())


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Return a function that writes a file as a customer delivers it."""

    def written(content: str | bytes) -> Path:
        path = tmp_path / "people.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written
