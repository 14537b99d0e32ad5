"""What is created is private: one module creates folders, and programs get its umask."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKER = ROOT / "alumniq_pipelines" / "files" / "private_files.py"
MODULES = sorted(
    path
    for top in ("alumniq_pipelines", "webhook_gateway")
    for path in (ROOT / top).rglob("*.py")
    if path != MAKER
)


def calls(module: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call of a method or of a module's function, with its name."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_the_module_that_makes_folders_private_creates_them(module: Path) -> None:
    makers = {"mkdir", "makedirs"}
    assert [f"line {call.lineno}" for name, call in calls(module) if name in makers] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_program_is_started_with_a_umask(module: Path) -> None:
    starters = {"Popen", "check_call", "check_output"}
    started = [
        call
        for name, call in calls(module)
        if name in starters or ast.unparse(call.func) == "subprocess.run"
    ]
    careless = [
        f"line {call.lineno}"
        for call in started
        if "umask" not in {keyword.arg for keyword in call.keywords}
    ]
    assert careless == []
