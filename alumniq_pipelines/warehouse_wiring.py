"""Opening the warehouse that the settings name: for runs, and for commands.

An engine is registered here, once. The gateway does not import this module.
"""

from typing import TYPE_CHECKING, assert_never

from alumniq_pipelines.adapters.data_folder import group_id

if TYPE_CHECKING:
    from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
    from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
    from alumniq_pipelines.core.loads.backup import WarehouseBackup
    from alumniq_pipelines.core.loads.warehouse import Warehouse
    from alumniq_pipelines.settings import Settings


def open_warehouse(settings: "Settings") -> "Warehouse":
    """Open the warehouse that the settings name.

    Raises UnusableWarehouseUrl if it should be PostgreSQL and the URL is not one of PostgreSQL, and
    UnusableWarehouseGroup if the files cannot be given to the group.
    """
    match settings.warehouse:
        case "duckdb":
            return _open_duckdb(settings)
        case "postgres":
            return _open_postgres(settings)
    assert_never(settings.warehouse)


def open_warehouse_backup(settings: "Settings") -> "WarehouseBackup":
    """Open the warehouse that the settings name, for a backup of it.

    Raises UnusableWarehouseUrl and UnusableWarehouseGroup.
    """
    match settings.warehouse:
        case "duckdb":
            from alumniq_pipelines.adapters.warehouse.duckdb.backup import DuckDBBackup

            return DuckDBBackup(_open_duckdb(settings))
        case "postgres":
            from alumniq_pipelines.adapters.warehouse.postgres.backup import PostgresBackup

            return PostgresBackup(_open_postgres(settings))
    assert_never(settings.warehouse)


def _open_duckdb(settings: "Settings") -> "DuckDBWarehouse":
    from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse

    group = group_id(settings.warehouse_group)
    return DuckDBWarehouse(
        settings.warehouse_dir, settings.versions_kept, settings.query_seconds, group
    )


def _open_postgres(settings: "Settings") -> "PostgresWarehouse":
    from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse

    url = _postgres_url(settings)
    return PostgresWarehouse(url, settings.versions_kept, settings.query_seconds)


def check_warehouse(settings: "Settings") -> None:
    """Raise the SetupProblem that would keep versions from being published, if there is one.

    Raises WarehouseUnavailable if that cannot be found out now.
    """
    match settings.warehouse:
        case "duckdb":
            return  # its folder is in the data folder, which is checked by itself
        case "postgres":
            from alumniq_pipelines.adapters.warehouse.postgres.session import check_setup

            check_setup(_postgres_url(settings))
            return
    assert_never(settings.warehouse)


def _postgres_url(settings: "Settings") -> str:
    from alumniq_pipelines.adapters.warehouse.postgres.numbers import check_url

    return check_url(settings.warehouse_url.get_secret_value() if settings.warehouse_url else "")
