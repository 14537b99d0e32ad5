"""Paths of files that DuckDB reads: it treats every path as a glob pattern."""

from pathlib import Path

from alumniq_pipelines.core.database_paths import database_path

WILDCARDS = "*?["


def file_pattern(path: Path) -> str:
    """Return the pattern that this file matches, and no other; raises UnusableFolderName.

    Unescaped, `a[bc].csv` would read `ab.csv`. DuckDB also guesses compression and partition
    columns from a path: callers must switch that off.
    """
    text = database_path(path)
    return "".join(f"[{letter}]" if letter in WILDCARDS else letter for letter in text)
