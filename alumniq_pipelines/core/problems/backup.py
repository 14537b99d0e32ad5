"""What can be wrong with a backup, or with the place that it is restored to: for staff."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.shell import alumniq_command

RESTORE = alumniq_command("restore", "FILE")


class BackupExists(SetupProblem):
    """There is a file of that name."""

    code = "backup-exists"

    def __init__(self, file: str) -> None:
        super().__init__(f"There is a file {file!r} already.", "Name another one, or add --force.")


class BackupUnusable(SetupProblem):
    """The file is no complete, undamaged backup."""

    code = "backup-unusable"

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(
            f"{file!r} cannot be restored: {reason}.",
            "Copy the file again from where it is kept, or use another backup.",
        )


class BackupOfNewerRelease(SetupProblem):
    """The backup was made by a newer release."""

    code = "backup-of-newer-release"

    def __init__(self, release: str, found: str, expected: str) -> None:
        super().__init__(
            f"The backup was made by release {release}: its ledger is at revision {found}, and "
            f"this release knows {expected}.",
            "Nothing was restored. Install that release or a later one, and restore it with that.",
        )


class BackupOfOtherEngine(SetupProblem):
    """The backup is of another kind of database."""

    code = "backup-of-other-engine"

    def __init__(self, setting: str, found: str, expected: str) -> None:
        """Take the setting that chooses the engine, the backup's engine and ours."""
        super().__init__(
            f"The backup needs {found}, and {setting} says {expected}.",
            f"Nothing was restored. Set {setting} as it was when the backup was made.",
        )


class PlaceNotEmpty(SetupProblem):
    """The place to restore to is not empty."""

    code = "place-not-empty"

    def __init__(self, found: Sequence[str]) -> None:
        """Take what is there, each with its place."""
        super().__init__(
            f"A backup is restored into an empty place only, and there is {'; and '.join(found)}.",
            "Nothing was restored. Name another place in the settings (ALUMNIQ_DATA_DIR, "
            "ALUMNIQ_LEDGER_URL, ALUMNIQ_WAREHOUSE_URL), or remove what is named if nobody needs "
            "it.",
        )


class RestoreInterrupted(SetupProblem):
    """A restore was interrupted."""

    code = "restore-interrupted"

    def __init__(self) -> None:
        super().__init__(
            "A restore into this place has begun and has not ended.",
            f"Wait for it. If it was interrupted, begin it again: {RESTORE}. It names what has to "
            "be removed first.",
        )
