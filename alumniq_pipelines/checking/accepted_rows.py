"""Accepted rows in memory, written to a file: those of a held load must outlive this process."""

from dataclasses import replace
from pathlib import Path

import duckdb

from alumniq_pipelines.core.database_paths import database_path
from alumniq_pipelines.core.loads.warehouse import GAPS, AcceptedRows, MemoryDatabase
from alumniq_pipelines.core.sql_text import identifier, literal


def write_to_file(accepted: AcceptedRows, file: Path) -> AcceptedRows:
    """Return accepted rows in a closed file: as they are, or copied from memory in their order."""
    memory = accepted.database
    if not isinstance(memory, MemoryDatabase):
        return accepted
    with duckdb.connect(memory.name, config=dict(memory.config)) as connection:
        connection.execute(f"ATTACH {literal(database_path(file))} AS written")
        for table in (identifier(accepted.table), GAPS):
            connection.execute(f"CREATE TABLE written.main.{table} AS FROM main.{table}")
        connection.execute("DETACH written")  # with a checkpoint: no .wal is left beside it
    return replace(accepted, database=file)
