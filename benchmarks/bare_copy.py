"""The yardstick of PostgreSQL: a file's bytes go through `COPY` into a table of text, unchecked.

python -m benchmarks.bare_copy FILE URL
"""

import sys
from pathlib import Path

import psycopg

CHUNK_BYTES = 1 << 18


def load(file: str, url: str) -> None:
    """Load as fast as a client can that has the file but not the server's disk."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection, Path(file).open("rb") as data:
        names = data.readline().decode().strip().strip('"').split('","')
        columns = ", ".join(f'"{name}" text' for name in names)
        connection.execute(f"create table loaded ({columns})")
        with connection.cursor().copy("copy loaded from stdin (format csv)") as copy:
            while chunk := data.read(CHUNK_BYTES):
                copy.write(chunk)


if __name__ == "__main__":
    load(sys.argv[1], sys.argv[2])
