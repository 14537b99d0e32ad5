"""Paths of files that DuckDB reads: it takes them for patterns, and so must be given one."""

from pathlib import Path

from alumniq_pipelines.core.database_paths import database_path

WILDCARDS = "*?["


def file_pattern(path: Path) -> str:
    """Return the pattern that this file matches, and no other; raises UnusableFolderName.

    `a[bc].csv` as it is would read `ab.csv`. Compression and columns are guessed by a path as well,
    which the options of whoever reads must forbid.
    """
    text = database_path(path)
    return "".join(f"[{letter}]" if letter in WILDCARDS else letter for letter in text)
