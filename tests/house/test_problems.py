"""Every failure is described once, by a class of its own with a stable code."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from alumniq_pipelines.core import problems
from alumniq_pipelines.core.problems.problem import (
    OutageProblem,
    Problem,
    SenderProblem,
    SetupProblem,
)

ROOT = Path(__file__).resolve().parents[2]

for module in pkgutil.iter_modules(problems.__path__, problems.__name__ + "."):
    importlib.import_module(module.name)


def tree(root: type[Problem]) -> Iterator[type[Problem]]:
    """Walk a class and everything below it."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def test_every_problem_lives_in_the_one_folder() -> None:
    assert {problem.__module__.rpartition(".")[0] for problem in tree(Problem)} == {
        problems.__name__
    }


def test_every_code_is_kebab_case_and_used_once() -> None:
    codes = [problem.code for problem in tree(Problem)]
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", code) for code in codes)
    assert len(set(codes)) == len(codes)


def test_every_problem_is_for_exactly_one_reader() -> None:
    kinds = (SenderProblem, SetupProblem, OutageProblem)
    for problem in set(tree(Problem)) - {Problem}:
        assert sum(issubclass(problem, kind) for kind in kinds) == 1, problem


def test_every_title_is_a_short_sentence() -> None:
    for problem in tree(Problem):
        first = (problem.__doc__ or "").strip().splitlines()[0]
        assert first.endswith("."), problem
        assert len(first) <= 70, problem


def test_what_is_live_is_said_from_the_fact_and_nowhere_else() -> None:
    """A sentence about live data in a problem or on a page was printed regardless, also of none."""
    locations = [
        *(ROOT / "alumniq_pipelines").rglob("*.py"),
        *(ROOT / "webhook_gateway").rglob("*.py"),
        *(ROOT / "webhook_gateway" / "pages" / "templates").glob("*.html"),
    ]
    saying = [
        path.relative_to(ROOT).as_posix()
        for path in locations
        if re.search(r"(still|stays) live|previous data", path.read_text(encoding="utf-8"))
    ]
    assert saying == ["alumniq_pipelines/core/problems/live_data.py"]
