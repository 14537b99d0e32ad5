"""Every failure is reported by a class of its own, with a stable code and what to do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from alumniq_pipelines.core import problems
from alumniq_pipelines.core.problems.problem import (
    OutageProblem,
    Problem,
    SenderProblem,
    SetupProblem,
)
from alumniq_pipelines.core.problems.request import MissingKey, MissingOption, UnknownJob
from tests.house.message_catalog import MODULES, problem_modules, problems_of, shown

ROOT = Path(__file__).resolve().parents[2]

CONCRETE = [problem for name in MODULES for problem in problems_of(problem_modules()[name])]

FIXED_BY_CONTRACT = {UnknownJob, MissingKey, MissingOption}
"""Customers' scripts compare these texts literally, so they contain no advice."""

ONE_KIND = {
    **dict.fromkeys(("request", "api", "page", "file", "header", "packing"), SenderProblem),
    **dict.fromkeys(
        ("outcome", "run", "command", "query", "paths", "setup", "database"), SetupProblem
    ),
    "outage": OutageProblem,
}
"""Modules with problems of one kind; in the others the subject has problems of several."""


def tree(root: type[Problem]) -> Iterator[type[Problem]]:
    """Walk a class and everything below it."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def test_every_problem_is_defined_in_the_one_folder() -> None:
    assert {problem.__module__.rpartition(".")[0] for problem in tree(Problem)} == {
        problems.__name__
    }


def test_every_code_is_kebab_case_and_used_once() -> None:
    codes = [problem.code for problem in tree(Problem)]
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", code) for code in codes)
    assert len(set(codes)) == len(codes)


def made_in(source: str) -> set[str]:
    """Return the names that a module calls or raises, whatever they are."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                names.add(name)
            case ast.Raise(exc=ast.Name(id=name) | ast.Attribute(attr=name)):
                names.add(name)
    return names


def test_a_problem_is_made_where_it_is_called_or_raised_and_not_where_it_is_caught() -> None:
    source = "try: f(A())\nexcept B: raise C\nclass D: pass\nraise problems.E('x') from None"
    assert made_in(source) == {"f", "A", "C", "E"}


def test_every_problem_is_made_somewhere() -> None:
    made: set[str] = set()
    for folder in ("alumniq_pipelines", "webhook_gateway"):
        for path in (ROOT / folder).rglob("*.py"):
            made |= made_in(path.read_text(encoding="utf-8"))
    assert [problem.__name__ for problem in CONCRETE if problem.__name__ not in made] == []


@pytest.mark.parametrize("problem", CONCRETE, ids=lambda problem: problem.code)
def test_every_problem_has_a_code_a_title_a_detail_and_advice(problem: type[Problem]) -> None:
    """An outage passes by itself and needs no advice, and the contract has texts without any."""
    assert "code" in vars(problem)
    assert problem.__doc__
    needs_advice = not issubclass(problem, OutageProblem) and problem not in FIXED_BY_CONTRACT
    for form in shown(problem):
        assert form.title
        assert form.detail
        assert form.advice or not needs_advice


@pytest.mark.parametrize("name", ONE_KIND)
def test_a_module_has_problems_of_the_kind_that_it_is_for(name: str) -> None:
    """A problem that is never retried is not an outage; four outcomes of a load once were."""
    found = problems_of(problem_modules()[name])
    assert found
    assert [problem for problem in found if not issubclass(problem, ONE_KIND[name])] == []


def test_every_problem_is_for_exactly_one_reader() -> None:
    kinds = (SenderProblem, SetupProblem, OutageProblem)
    for problem in set(tree(Problem)) - {Problem}:
        assert sum(issubclass(problem, kind) for kind in kinds) == 1, problem


def test_every_title_is_a_short_sentence() -> None:
    for problem in tree(Problem):
        first = (problem.__doc__ or "").strip().splitlines()[0]
        assert first.endswith("."), problem
        assert len(first) <= 70, problem


def test_only_one_module_says_what_is_live() -> None:
    """A sentence about live data was once printed even if nothing was live."""
    locations = [
        *(ROOT / "alumniq_pipelines").rglob("*.py"),
        *(ROOT / "webhook_gateway").rglob("*.py"),
        *(ROOT / "webhook_gateway" / "pages" / "templates").glob("*.html"),
    ]
    matches = [
        path.relative_to(ROOT).as_posix()
        for path in locations
        if re.search(r"(still|stays) live|previous data", path.read_text(encoding="utf-8"))
    ]
    assert matches == ["alumniq_pipelines/core/problems/live_data.py"]
