"""What can be wrong with a command about notifications and their signatures: for staff."""

from alumniq_pipelines.core.problems.problem import SetupProblem


class UnknownNotification(SetupProblem):
    """There is no such notification."""

    code = "unknown-notification"

    def __init__(self, notification_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(
            f"There is no notification {notification_id!r}.",
            "List them: alumniq notification list.",
        )


class NotificationUnderWay(SetupProblem):
    """The notification is being sent just now."""

    code = "notification-under-way"

    def __init__(self, notification_id: str) -> None:
        """Name it; a lease ends by itself within minutes."""
        super().__init__(
            f"{notification_id} is being sent just now.", "Look at it again in three minutes."
        )
