"""Why a run does nothing more: its load or attempt is over, or its worker is to stop.

For engineers, permanent.
"""

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


class RunOutdated(SetupProblem):
    """Another run of the load has been requested."""

    code = "run-outdated"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"Another run of the load {job_id} has been requested since this one was, so this run "
            "did nothing.",
            "You do not need to do anything: the load continues by itself.",
        )


class QueuedBehind(SetupProblem):
    """An earlier load of the same table is not finished."""

    code = "queued-behind"

    def __init__(self, job_id: str, target: str) -> None:
        super().__init__(
            f"An earlier load of {target} is not finished, so this run did nothing. Its load "
            f"{job_id} is queued behind the earlier one.",
            "You do not need to do anything: the load gets a run of its own when it is its turn.",
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


class AttemptInterrupted(SetupProblem):
    """The worker is to stop."""

    code = "attempt-interrupted"

    def __init__(self) -> None:
        super().__init__(
            "The worker of this run was stopped before the load was done.",
            "You do not need to do anything: unless it was canceled, the load is requested again.",
        )
