"""`alumniq` starts fast: what only some commands need is imported by those."""

import subprocess
import sys

HEAVY = (
    "alembic",
    "argon2",
    "boto3",
    "dagster",
    "duckdb",
    "httpx",
    "jinja2",
    "numpy",
    "pandas",
    "pandera",
    "psycopg",
    "pyarrow",
    "rich.table",
    "sqlalchemy",
    "starlette",
)


def test_no_command_imports_what_another_one_needs() -> None:
    """The ledger's SQLAlchemy once doubled the start of `alumniq check`, which has no ledger."""
    code = f"import sys, alumniq_pipelines.cli.main; print(sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
