"""Every fault point is placed once, and struck by a test."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from alumniq_pipelines.fault_points import FaultPoint
from tests.integration.dagster.test_dagster_fault_points import (
    IN_THE_WAREHOUSE,
    POINTS,
    WHEN_HELD,
)

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ("duckdb", "postgres")
REACH = "reach"


def reached(folder: Path) -> Counter[str]:
    """Count the lines of code that reach each fault point, by its name in the code."""
    return Counter(
        ast.unparse(node.args[0]).removeprefix("FaultPoint.")
        for module in folder.rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == REACH
    )


def test_every_fault_point_is_placed_once_or_once_in_each_engine_of_the_warehouse() -> None:
    placed = reached(ROOT / "alumniq_pipelines")
    in_the_warehouse = {point.name for point in IN_THE_WAREHOUSE}
    assert placed == {
        point.name: len(ENGINES) if point.name in in_the_warehouse else 1 for point in FaultPoint
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_of_the_warehouse_reaches_the_same_fault_points(engine: str) -> None:
    folder = ROOT / "alumniq_pipelines" / "adapters" / "warehouse" / engine
    assert reached(folder) == {point.name: 1 for point in IN_THE_WAREHOUSE}


def test_every_fault_point_is_struck_by_a_test() -> None:
    assert {*POINTS, *WHEN_HELD} == set(FaultPoint)


def test_nothing_but_tests_switches_fault_points_on() -> None:
    names = ("ALUMNIQ_FAULT_", "fault_points import POINTS")
    tops = ("alumniq_pipelines", "webhook_gateway", ".ci", "Makefile")
    module = ROOT / "alumniq_pipelines" / "fault_points.py"
    for top in tops:
        path = ROOT / top
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        for file in files:
            if file != module and file.suffix in {"", ".py", ".yaml", ".yml", ".sh"}:
                text = file.read_text(encoding="utf-8", errors="replace")
                assert not any(name in text for name in names), file
