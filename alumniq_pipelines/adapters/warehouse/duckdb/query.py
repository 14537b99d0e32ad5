"""Running one SELECT over an environment's catalog, on a connection that can do nothing else."""

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
"""Errors in the query's text; their messages contain no cell values, so they may be shown."""
LIMITS: dict[str, Any] = {
    "memory_limit": "1GiB",
    "max_temp_directory_size": "10GiB",
    "python_enable_replacements": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""Resource limits, and features that would load code or read Python variables by themselves."""


def run(
    catalog: Path, sql: str, *, max_rows: int | None, seconds: float
) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
    """Run one SELECT and return column names and rows; raises UnusableQuery and QueryTooSlow.

    The connection can read the files of the catalog's folder and no others, and cannot change that.
    """
    with _connect(catalog) as connection:
        tables = [name for (name,) in connection.execute("show tables").fetchall()]
        check_text(sql, tables)
        # DuckDB has no statement timeout: another thread interrupts the connection.
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
    """Yield a connection to the catalog that is confined to its folder.

    DuckDB also allows reading its temporary directory, by default `.tmp` in the working folder. So
    it gets an empty one.
    """
    with (
        tempfile.TemporaryDirectory(prefix="alumniq-query-") as scratch,
        duckdb.connect(config={**LIMITS, "temp_directory": scratch}) as connection,
    ):
        connection.execute(f"attach {literal(database_path(catalog))} as catalog (read_only)")
        connection.execute("use catalog")
        connection.execute("set enable_progress_bar = false")
        # DuckDB compares these prefixes with the paths in the views, which are escaped patterns
        # (file_pattern), and with the plain path of the catalog itself.
        folders = (f"{path(catalog.parent)}/" for path in (database_path, file_pattern))
        allowed = ", ".join(literal(folder) for folder in folders)
        connection.execute(f"set allowed_directories = [{allowed}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
