from collections.abc import Iterator

from alumniq_pipelines.core.problems.request import RequestProblem
from webhook_gateway.http.errors import STATUS, status_of


def below(problem: type[RequestProblem]) -> Iterator[type[RequestProblem]]:
    for child in problem.__subclasses__():
        yield child
        yield from below(child)


def test_every_problem_of_a_request_has_a_status() -> None:
    for problem in below(RequestProblem):
        assert 400 <= status_of(problem) < 500, problem


def test_the_table_of_statuses_names_nothing_else() -> None:
    assert set(STATUS) <= set(below(RequestProblem))
