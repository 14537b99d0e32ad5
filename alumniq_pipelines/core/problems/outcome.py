"""Why a load ended unpublished although its sender did nothing wrong: for customers, permanent."""

from alumniq_pipelines.core.problems.problem import SetupProblem


class AttemptsExhausted(SetupProblem):
    """Every attempt at the load failed."""

    code = "attempts-exhausted"

    def __init__(self, attempts: int) -> None:
        super().__init__(
            f"The load was tried {attempts} times and failed each time for reasons on our side.",
            "Our staff has been notified.",
        )


class NotStarted(SetupProblem):
    """No run of the load could be started."""

    code = "not-started"

    def __init__(self) -> None:
        super().__init__(
            "Processing of the file could not be started, for reasons on our side. Nothing of it "
            "was published.",
            "You do not need to do anything: the fault is ours, and our staff will deal with it.",
        )


class Misconfigured(SetupProblem):
    """Something is configured wrongly on our side."""

    code = "misconfigured"

    def __init__(self) -> None:
        """Name no details: staff get them, and the customer could not fix them."""
        super().__init__(
            "The file could not be loaded because something is configured wrongly on our side.",
            "Our staff has been notified.",
        )


class LoadStopped(SetupProblem):
    """The load was stopped by our staff."""

    code = "load-stopped"

    def __init__(self) -> None:
        super().__init__(
            "The load was stopped by our staff before it was finished.",
            "Call the webhook again to load the file.",
        )


class UnexplainedFailure(SetupProblem):
    """The load ended without a recorded reason."""

    code = "unexplained-failure"

    def __init__(self) -> None:
        super().__init__(
            "The load ended for a reason that was not recorded; the fault is ours.",
            "Call the webhook again. If it fails again, contact us.",
        )
