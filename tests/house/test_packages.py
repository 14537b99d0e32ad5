"""Which foreign packages each folder may import; `lint-imports` checks the order of the folders."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN = {"alumniq_pipelines", "webhook_gateway"} | set(sys.stdlib_module_names)

MAY_IMPORT = {
    "alumniq_pipelines/core": {
        "pydantic",
        "cronsim",
        "email_validator",
        "idna",
        "phonenumbers",
        "pycountry",
    },
    "alumniq_pipelines/files": set(),
    "alumniq_pipelines/checking": {
        "backports",
        "compression",  # of the standard library from 3.14 on; `backports` before
        "duckdb",
        "isal",
        "numpy",
        "pandas",
        "pandera",
        "xlsxwriter",
    },
    "alumniq_pipelines/adapters": {
        "argon2",
        "boto3",
        "botocore",
        "cryptography",
        "psycopg",
        "yaml",
    },
    "alumniq_pipelines/adapters/bucket": {"boto3", "botocore", "mypy_boto3_s3"},
    "alumniq_pipelines/adapters/ledger": {"sqlalchemy", "alembic"},
    "alumniq_pipelines/adapters/warehouse": set(),
    "alumniq_pipelines/adapters/warehouse/duckdb": {"duckdb"},
    "alumniq_pipelines/adapters/warehouse/postgres": {"duckdb", "psycopg"},
    "alumniq_pipelines/adapters/notifiers": {"aiosmtplib", "httpx", "jinja2"},
    "alumniq_pipelines/samples": {"duckdb"},
    "alumniq_pipelines/services": set(),
    "alumniq_pipelines/defs": {
        "dagster",
        "dagster_aws",
        "dagster_celery",
        "pydantic",
        "sqlalchemy",
    },
    "alumniq_pipelines/cli": {"celery", "grpc", "httpx", "rich", "sqlalchemy", "typer", "yaml"},
    "alumniq_pipelines": {"dagster", "pydantic", "pydantic_settings"},
    "webhook_gateway/services": set(),
    "webhook_gateway/http": {"prometheus_client", "starlette"},
    "webhook_gateway/api": {"jinja2", "pydantic", "starlette"},
    "webhook_gateway/pages": {"jinja2", "starlette"},
    "webhook_gateway": {"starlette", "uvicorn"},
}
"""Besides the standard library and the project itself; the longest matching path counts."""


def folder_of(module: Path) -> str | None:
    """Return the strictest rule that covers a module."""
    path = module.relative_to(ROOT).as_posix()
    return max((name for name in MAY_IMPORT if path.startswith(name + "/")), key=len, default=None)


def modules() -> list[Path]:
    """List the modules of the product."""
    return sorted(
        path
        for top in ("alumniq_pipelines", "webhook_gateway")
        for path in (ROOT / top).rglob("*.py")
    )


def imported_packages(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the top package of every import, also of those inside functions."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module.partition(".")[0]


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_a_folder_imports_exactly_the_packages_it_declares(folder: str) -> None:
    imported = {
        package: f"{module.relative_to(ROOT)}:{line}"
        for module in modules()
        if folder_of(module) == folder
        for line, package in imported_packages(module)
        if package not in OWN
    }
    undeclared = {name: where for name, where in imported.items() if name not in MAY_IMPORT[folder]}
    assert undeclared == {}
    assert MAY_IMPORT[folder] - set(imported) == set(), "declared and never imported"


def test_every_folder_has_a_rule_and_a_docstring() -> None:
    folders = {module.parent for module in modules()}
    undocumented = [
        folder.relative_to(ROOT).as_posix()
        for folder in folders
        if not ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    ]
    assert undocumented == []
    # A new folder is an architectural decision: it gets a rule of its own, or its parent's.
    assert {name for name in MAY_IMPORT if not (ROOT / name).is_dir()} == set()
    tops = {folder.relative_to(ROOT).parts[:2] for folder in folders}
    assert {"/".join(parts) for parts in tops} <= set(MAY_IMPORT)
