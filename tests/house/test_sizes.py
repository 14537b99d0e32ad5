"""Modules and functions are small enough to read in one sitting."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_MODULE_LINES = 350
MAX_FUNCTION_LINES = 60
MODULES = sorted(
    path
    for top in ("alumniq_pipelines", "webhook_gateway", "tests", "benchmarks")
    for path in (ROOT / top).rglob("*.py")
)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_and_its_functions_are_small(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    too_long = [
        f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert too_long == []
    assert len(text.splitlines()) <= MAX_MODULE_LINES
