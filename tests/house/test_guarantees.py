"""Every promise names a test that exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
LINES = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
NODE = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_promises_are_listed() -> None:
    assert len(LINES) > 20


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split("|")[1].strip())
def test_every_promise_names_a_test_that_exists(line: str) -> None:
    nodes = NODE.findall(line)
    assert nodes
    for path, name in nodes:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
