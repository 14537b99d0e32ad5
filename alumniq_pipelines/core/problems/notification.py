"""What can be wrong with a request about a notification, by a command, a page or a call."""

from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.problems.request import RequestProblem


class UnknownNotification(SetupProblem):
    """There is no such notification."""

    code = "unknown-notification"

    def __init__(self, notification_id: str) -> None:
        super().__init__(
            f"There is no notification {notification_id!r}.",
            "List the notifications: alumniq notification list.",
        )


class NotificationUnderWay(RequestProblem):
    """The notification is being sent right now."""

    code = "notification-under-way"

    def __init__(self, notification_id: str) -> None:
        """Advise to wait: a lease ends by itself."""
        super().__init__(
            f"The notification {notification_id} is being sent right now.",
            "Look at it again in a few minutes. A mail server may take up to 20 minutes.",
        )
