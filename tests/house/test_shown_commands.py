"""A command with a value in it is built by core/shell.py, which quotes the value."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILDER = ROOT / "alumniq_pipelines" / "core" / "shell.py"
COMMAND = re.compile(
    r"(?:\balumniq(?: [a-z-]+)+|\bcurl (?=-|http|['\"])|Invoke-\w+|\baws s3)[^.;:\n]*$"
)
"""The end of a text that begins a command and is followed by a value."""

SOURCES = sorted(
    path
    for top in ("alumniq_pipelines", "webhook_gateway")
    for path in (ROOT / top).rglob("*.py")
    if path != BUILDER
)
TEMPLATES = sorted((ROOT / "webhook_gateway").rglob("*.html"))
SCRIPTS = sorted((ROOT / "webhook_gateway").rglob("*.js"))


def filled_in(source: str) -> Iterator[str]:
    """Yield the text before each value of every f-string."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            before = ""
            for part in node.values:
                if isinstance(part, ast.Constant):
                    before += str(part.value)
                else:
                    yield before
                    before += "VALUE"


@pytest.mark.parametrize("module", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_puts_a_value_into_a_command_by_hand(module: Path) -> None:
    source = module.read_text(encoding="utf-8")
    assert [text for text in filled_in(source) if COMMAND.search(text)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_puts_a_value_into_a_command(template: Path) -> None:
    texts = template.read_text(encoding="utf-8").split("{{")[:-1]
    assert [text for text in texts if COMMAND.search(text)] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_builds_a_command(script: Path) -> None:
    assert not re.search(r"\balumniq |\bcurl |Invoke-", script.read_text(encoding="utf-8"))


def test_a_command_with_a_value_in_it_is_found() -> None:
    assert [
        bool(COMMAND.search(text)) for text in filled_in('f"Do: alumniq load show {job}."')
    ] == [True]
    assert not any(COMMAND.search(text) for text in filled_in('f"See alumniq load list. {a} b"'))
