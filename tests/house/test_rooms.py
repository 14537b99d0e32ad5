"""Which foreign packages each room may import; `lint-imports` keeps the order of the rooms."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAY_IMPORT = {
    "alumniq_pipelines/core": {
        "pydantic",
        "cronsim",
        "email_validator",
        "idna",
        "phonenumbers",
        "pycountry",
    },
    "alumniq_pipelines/frames": {"numpy", "pandas", "pandera"},
    "alumniq_pipelines/adapters/ledger": {"sqlalchemy", "alembic"},
    "alumniq_pipelines/adapters/warehouse": {"duckdb", "psycopg"},
    "alumniq_pipelines/adapters/notifiers": {"httpx", "jinja2"},
    "alumniq_pipelines/adapters": {
        "argon2",
        "backports",
        "boto3",
        "compression",  # of the standard library from 3.14 on; `backports` before
        "cryptography",
        "botocore",
        "mypy_boto3_s3",
        "duckdb",
        "numpy",
        "pandas",
        "pydantic",
        "xlsxwriter",
        "yaml",
    },
    "alumniq_pipelines/defs": {"dagster", "pydantic"},
    "webhook_gateway": {
        "starlette",
        "uvicorn",
        "python_multipart",
        "jinja2",
        "prometheus_client",
        "pydantic",
    },
}
"""Besides the standard library and the project's own rooms; the longest matching path counts."""

FREE_ROOMS = ("alumniq_pipelines/cli", "alumniq_pipelines/")
"""The command line composes everything; single modules at the top each have their own reasons."""


def room_of(module: Path) -> str | None:
    """Name the strictest rule that covers a module."""
    path = module.relative_to(ROOT).as_posix()
    rooms = [room for room in MAY_IMPORT if path.startswith(room + "/")]
    return max(rooms, key=len, default=None)


def modules() -> list[Path]:
    """List the modules of the product."""
    return sorted(
        path
        for top in ("alumniq_pipelines", "webhook_gateway")
        for path in (ROOT / top).rglob("*.py")
    )


def imported_packages(module: Path) -> Iterator[tuple[int, str]]:
    """Name the top package of every import, also of those inside functions."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module.partition(".")[0]


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_its_sign_allows(room: str) -> None:
    own = {"alumniq_pipelines", "webhook_gateway"} | set(sys.stdlib_module_names)
    strangers = [
        f"{module.relative_to(ROOT)}:{line} imports {package}"
        for module in modules()
        if room_of(module) == room
        for line, package in imported_packages(module)
        if package not in own | MAY_IMPORT[room]
    ]
    assert strangers == []


def test_every_module_has_a_room() -> None:
    homeless = [
        path.as_posix()
        for path in (module.relative_to(ROOT) for module in modules())
        if room_of(ROOT / path) is None and not path.as_posix().startswith(FREE_ROOMS)
    ]
    assert homeless == []
