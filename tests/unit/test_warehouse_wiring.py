from pathlib import Path

import pytest
from pydantic import SecretStr

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.problems.setup import UnusableWarehouseUrl
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse


def test_files_in_the_data_folder_are_the_default(tmp_path: Path) -> None:
    opened = open_warehouse(Settings(data_dir=tmp_path, versions_kept=3))
    assert opened == DuckDBWarehouse(tmp_path / "warehouse", 3)


@pytest.mark.parametrize("form", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_database_is_chosen_by_its_address(form: str) -> None:
    url = f"{form}://someone@host/warehouse"
    settings = Settings(warehouse="postgres", warehouse_url=SecretStr(url))
    opened = open_warehouse(settings)
    assert opened == PostgresWarehouse(url, 5)
    assert "someone" not in repr(opened)


@pytest.mark.parametrize("url", [None, "", "mysql://root:secret@host/x", "sqlite:///secret.db"])
def test_another_address_is_refused_and_not_repeated(url: str | None) -> None:
    settings = Settings(warehouse="postgres", warehouse_url=url and SecretStr(url))
    with pytest.raises(UnusableWarehouseUrl) as refused:
        open_warehouse(settings)
    assert "secret" not in str(refused.value)


def test_an_engine_that_nobody_wired_opens_nothing() -> None:
    """It opened PostgreSQL, while everything but DuckDB did."""
    settings = Settings().model_copy(update={"warehouse": "snowflake"})
    with pytest.raises(AssertionError):
        open_warehouse(settings)
