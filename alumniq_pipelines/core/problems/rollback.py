"""What can go wrong while a rollback makes another version live: for staff."""

from alumniq_pipelines.core.problems.problem import OutageProblem, SetupProblem
from alumniq_pipelines.core.shell import alumniq_command


class MoveInterrupted(OutageProblem):
    """The rollback was interrupted."""

    code = "move-interrupted"

    def __init__(self, target: str, number: int, reason: str) -> None:
        """Take the reason as a sentence."""
        place = target.split("/")
        listing = alumniq_command("version", "list", *place)
        rollback = alumniq_command("version", "rollback", *place, "--to", number)
        super().__init__(
            f"The rollback of {target} to version {number} was interrupted, so that version may "
            f"or may not be live: {reason}",
            f"See what is live: {listing}. To finish the rollback, which is harmless to repeat: "
            f"{rollback}.",
        )


class MoveNotRecorded(SetupProblem):
    """The rollback was done, but could not be recorded."""

    code = "move-not-recorded"

    def __init__(self, target: str, number: int, reason: str) -> None:
        """Begin with what was done: repeating the command would go back one version too far."""
        super().__init__(
            f"Version {number} of {target} is live. That could not be recorded in the audit log, "
            f"from which Dagster learns of it ({reason}).",
            "Do not repeat the command.",
        )
