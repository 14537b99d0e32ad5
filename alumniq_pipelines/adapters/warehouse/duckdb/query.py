"""One SELECT over an environment's catalog, by a connection that can do nothing else."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import duckdb

from alumniq_pipelines.adapters.warehouse.query_text import check_text
from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.problems.command import UnusableQuery
from alumniq_pipelines.core.problems.query import QueryTooSlow
from alumniq_pipelines.core.sql_text import literal
from alumniq_pipelines.files.duckdb_paths import file_pattern

QUERY_TEXT_ERRORS = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
"""Faults of the query's own text: what DuckDB says of them holds no cell values."""
LIMITS: dict[str, Any] = {
    "memory_limit": "1GiB",
    "max_temp_directory_size": "10GiB",
    "python_enable_replacements": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""What a query may take, and what DuckDB would otherwise reach for by itself."""


def run(
    catalog: Path, sql: str, *, max_rows: int | None, seconds: float
) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
    """Run one SELECT: column names and rows; raises UnusableQuery and QueryTooSlow.

    The connection reads the files of the catalog's folder and no others, and cannot change that.
    """
    with _connect(catalog) as connection:
        tables = [name for (name,) in connection.execute("show tables").fetchall()]
        check_text(sql, tables)
        timer = Timer(seconds, connection.interrupt)
        timer.start()
        try:
            statements = connection.extract_statements(sql)
            if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
                reason = "The query is not one single SELECT."
                raise UnusableQuery(reason, tables)
            result = connection.execute(statements[0])
            rows = result.fetchall() if max_rows is None else result.fetchmany(max_rows)
        except QUERY_TEXT_ERRORS as error:
            raise UnusableQuery(str(error).splitlines()[0], tables) from None
        except duckdb.InterruptException:
            raise QueryTooSlow(seconds) from None
        except duckdb.Error as error:
            reason = f"The query failed while it ran ({type(error).__name__})."
            raise UnusableQuery(reason, tables) from None
        finally:
            timer.cancel()
            timer.join()
        return [column[0] for column in result.description or ()], rows


@contextmanager
def _connect(catalog: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the catalog by a connection that is locked into its folder.

    DuckDB lets a query read the folder for what exceeds its memory, which else is `.tmp` in the
    working folder; so it gets an empty one.
    """
    with (
        tempfile.TemporaryDirectory(prefix="alumniq-query-") as scratch,
        duckdb.connect(config={**LIMITS, "temp_directory": scratch}) as connection,
    ):
        connection.execute(f"attach {literal(database_path(catalog))} as catalog (read_only)")
        connection.execute("use catalog")
        connection.execute("set enable_progress_bar = false")
        # Views name the versions' files by patterns, and it is those that are looked up here.
        folders = (f"{path(catalog.parent)}/" for path in (database_path, file_pattern))
        allowed = ", ".join(literal(folder) for folder in folders)
        connection.execute(f"set allowed_directories = [{allowed}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
