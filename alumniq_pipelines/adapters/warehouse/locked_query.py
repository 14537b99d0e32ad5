"""One SELECT over an environment's catalog, by a connection that can do nothing else."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from alumniq_pipelines.adapters.read_paths import file_pattern
from alumniq_pipelines.adapters.warehouse.sql_text import literal
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.problems.command import UnusableQuery

EXPLAINED = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
"""Faults of the query's own text: what DuckDB says of them holds no cell values."""


def run(
    catalog: Path, sql: str, most: int | None
) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
    """Run one SELECT: column names, and rows up to `most`; raises UnusableQuery.

    The connection reads the files of the catalog's folder and no others, and cannot change that.
    """
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(database_path(catalog))} as catalog (read_only)")
        connection.execute("use catalog")
        tables = [name for (name,) in connection.execute("show tables").fetchall()]
        connection.execute("set enable_progress_bar = false")
        # Views name the versions' files by patterns, and it is those that are looked up here.
        folders = (f"{path(catalog.parent)}/" for path in (database_path, file_pattern))
        allowed = ", ".join(literal(folder) for folder in folders)
        connection.execute(f"set allowed_directories = [{allowed}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        try:
            statements = connection.extract_statements(sql)
            if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
                reason = "The query is not one single SELECT."
                raise UnusableQuery(reason, tables)
            result = connection.execute(statements[0])
            rows = result.fetchall() if most is None else result.fetchmany(most)
        except EXPLAINED as error:
            raise UnusableQuery(str(error).splitlines()[0], tables) from None
        except duckdb.Error as error:
            reason = f"The query failed while it ran ({type(error).__name__})."
            raise UnusableQuery(reason, tables) from None
        return [column[0] for column in result.description or ()], rows
