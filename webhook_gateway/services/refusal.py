"""The exception with which a use case refuses a call, listing every problem at once."""

from alumniq_pipelines.core.problems.request import RequestProblem


class RequestRefused(Exception):
    """The call is not accepted, for these reasons."""

    def __init__(self, *problems: RequestProblem) -> None:
        """Store the problems in the order in which the caller reads them."""
        super().__init__(*problems)
        self.problems = problems
