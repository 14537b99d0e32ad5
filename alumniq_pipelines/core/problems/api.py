"""What can be wrong with a call of the status API or with what a page asks for."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.problem import SenderProblem
from alumniq_pipelines.core.problems.request import RequestProblem


class NoSuchLoad(RequestProblem):
    """There is no such load."""

    code = "no-such-load"

    def __init__(self) -> None:
        """Use one wording for unknown and foreign: it tells a guesser nothing."""
        super().__init__("There is no load with this jobId.", "List yours: GET /api/v1/loads.")


class NoSuchNotification(RequestProblem):
    """There is no such notification."""

    code = "no-such-notification"

    def __init__(self) -> None:
        """Use one wording for unknown and foreign: it tells a guesser nothing."""
        super().__init__(
            "The load has no notification with this id.", "See them: GET /api/v1/loads/JOBID."
        )


class NotQueued(RequestProblem):
    """The load is not queued any more."""

    code = "not-queued"

    def __init__(self, state: str) -> None:
        """Name the state that it is in."""
        super().__init__(
            f"The load is {state}, and only a queued load can be canceled.",
            "Let it end; whatever it publishes, the next load replaces.",
        )


class UnusableParameter(RequestProblem):
    """A parameter of the URL cannot be used."""

    code = "unusable-parameter"

    def __init__(self, name: str, wanted: str) -> None:
        """Say what the parameter may be, as a clause that follows 'It must be'."""
        super().__init__(f"The parameter {name} cannot be used.", f"It must be {wanted}.")


class JobNotOfKey(RequestProblem):
    """The API key does not open this job."""

    code = "job-not-of-key"

    def __init__(self, job: str, jobs: Sequence[str]) -> None:
        """Name the jobs that the key does open."""
        super().__init__(
            f"The API key does not open the job {job}.", f"It opens {', '.join(jobs)}."
        )


class LoadCanceled(SenderProblem):
    """The load was canceled by its sender."""

    code = "load-canceled"

    def __init__(self) -> None:
        """Say what holds now."""
        super().__init__(
            "The load was canceled before it began.",
            "Your previous data is still live; call the webhook again to load the file.",
        )
