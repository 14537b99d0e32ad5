"""What can be wrong with what is asked about notifications, by a command, a page or a call."""

from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.problems.request import RequestProblem


class UnknownNotification(SetupProblem):
    """There is no such notification."""

    code = "unknown-notification"

    def __init__(self, notification_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(
            f"There is no notification {notification_id!r}.",
            "List them: alumniq notification list.",
        )


class NotificationUnderWay(RequestProblem):
    """The notification is being sent just now."""

    code = "notification-under-way"

    def __init__(self, notification_id: str) -> None:
        """Name it; a lease ends by itself within minutes."""
        super().__init__(
            f"{notification_id} is being sent just now.", "Look at it again in three minutes."
        )
