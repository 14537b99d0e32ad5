"""The yardstick: DuckDB reads a file into a table as text and checks nothing.

python -m benchmarks.bare_load FILE DATABASE
"""

import sys
from pathlib import Path

import duckdb


def load(file: str, database: str) -> None:
    """Load with every option given: a reader is fastest if it does not have to guess."""
    with Path(file).open(encoding="utf-8") as lines:
        names = lines.readline().strip().strip('"').split('","')
    columns = ", ".join(f"'{name}': 'varchar'" for name in names)
    source = (
        f"read_csv($file, header = true, delim = ',', quote = '\"', escape = '\"', "
        f"auto_detect = false, strict_mode = true, columns = {{{columns}}})"
    )
    with duckdb.connect(database) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"create table loaded as from {source}", {"file": file})


def main() -> None:
    """Load the file into the database."""
    load(sys.argv[1], sys.argv[2])


if __name__ == "__main__":
    main()
