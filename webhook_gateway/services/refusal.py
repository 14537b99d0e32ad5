"""How a use case says no: with everything that is wrong at once."""

from alumniq_pipelines.core.problems.request import RequestProblem


class RequestRefused(Exception):
    """The call is not accepted, for these reasons."""

    def __init__(self, *problems: RequestProblem) -> None:
        """Keep the reasons in the order in which they are told."""
        super().__init__(*problems)
        self.problems = problems
