"""Why a run does nothing: its load or its attempt is already over. For engineers, permanent."""

from alumniq_pipelines.core.problems.problem import SetupProblem


class LoadEnded(SetupProblem):
    """The load has ended."""

    code = "load-ended"

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(
            f"The load {job_id} ended before this run could work on it ({state}), so the run did "
            "nothing.",
            "To load the file again, re-execute this run or materialize the partition.",
        )


class AttemptOver(SetupProblem):
    """The attempt is over."""

    code = "attempt-over"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"This attempt at the load {job_id} is over: another attempt has begun, or the load "
            "has ended. It published nothing.",
            "You do not need to do anything.",
        )
