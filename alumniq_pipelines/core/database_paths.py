"""Paths of database files, and which folder names they can be opened below."""

from pathlib import Path

from alumniq_pipelines.core.problems.paths import UnusableFolderName

UNUSABLE = "?\\"
"""DuckDB and SQLite take what follows a `?` for options, and DuckDB a backslash for a slash."""


def database_path(path: Path) -> str:
    """Return the absolute path by which a database is opened; raises UnusableFolderName."""
    text = str(path.absolute())
    is_unicode = text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
    if not is_unicode or set(UNUSABLE) & set(text):
        raise UnusableFolderName(UNUSABLE)
    return text
