"""What `alumniq doctor` finds in an installation, beyond what stops a program: for staff."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.database import DatabasePart
from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.shell import alumniq_command, posix_command

UP = alumniq_command("up")


class Advisory(SetupProblem):
    """Something works, and deserves a look: a warning of the doctor."""

    code = "advisory"


class CheckTimedOut(SetupProblem):
    """A check was not answered in time."""

    code = "check-timed-out"

    def __init__(self, check: str, seconds: float) -> None:
        super().__init__(
            f"The check was not answered within {seconds:g} seconds.",
            f"Something that it asks hangs: a disk, a server, or the network. When it answers "
            f"again: {alumniq_command('doctor', '--only', check)}.",
        )


class CheckBroken(SetupProblem):
    """A check failed unexpectedly."""

    code = "check-broken"

    def __init__(self, reason: str) -> None:
        """Take the class of the error and where it was raised, never its text."""
        super().__init__(
            f"The check itself failed ({reason}).",
            "This is a fault in this software; report it with this line.",
        )


class UnknownCheck(SetupProblem):
    """There is no check of that name."""

    code = "unknown-check"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no check {name!r}.", f"Checks: {', '.join(known)}.")


class FolderMissing(SetupProblem):
    """A folder of the installation does not exist."""

    code = "folder-missing"

    def __init__(self, folder: str, setting: str) -> None:
        super().__init__(
            f"The folder {folder} does not exist.",
            f"Correct {setting}, mount its disk, or, for a new installation, make it: {UP}.",
        )


class FolderNotPrivate(SetupProblem):
    """Other users can look into a folder of the installation."""

    code = "folder-not-private"

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"Other users of this machine can look into {folder}.",
            f"Make it private: {posix_command('chmod', 'go-rwx', folder)}.",
        )


class FolderOfOtherUser(SetupProblem):
    """A folder of the installation belongs to another user."""

    code = "folder-of-other-user"

    def __init__(self, folder: str, owner: str, user: str) -> None:
        super().__init__(
            f"The folder {folder} belongs to {owner}, and this runs as {user}.",
            f"Run this as {owner}, or give {user} the folder: "
            f"{posix_command('chown', '-R', user, folder)}.",
        )


class FolderNotWritable(SetupProblem):
    """A folder of the installation cannot be written."""

    code = "folder-not-writable"

    def __init__(self, folder: str, reason: str) -> None:
        """Take the operating system's reason."""
        super().__init__(
            f"No file can be written in {folder} ({reason}).",
            "Free its disk or mount it for writing, and give the user that runs this the "
            f"permission: {posix_command('chmod', 'u+rwx', folder)}.",
        )


class DiskFull(SetupProblem):
    """A disk is almost full."""

    code = "disk-full"

    def __init__(self, folder: str, free: str) -> None:
        super().__init__(
            f"The disk of {folder} has only {free} free; loads that need more fail.",
            "Delete what is not needed, or enlarge it. Received files are deleted after "
            "ALUMNIQ_ARCHIVE_DAYS, older versions beyond ALUMNIQ_VERSIONS_KEPT.",
        )


class DiskFilling(Advisory):
    """A disk fills up."""

    code = "disk-filling"

    def __init__(self, folder: str, free: str, percent: int) -> None:
        super().__init__(
            f"The disk of {folder} has {free} free, {percent} % of it.",
            "Enlarge it, or lower ALUMNIQ_ARCHIVE_DAYS or ALUMNIQ_VERSIONS_KEPT.",
        )


class LedgerMissing(SetupProblem):
    """There is no ledger."""

    code = "ledger-missing"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"There is no ledger at {path}.",
            f"Correct ALUMNIQ_DATA_DIR or ALUMNIQ_LEDGER_URL, restore it from a backup, or, for a "
            f"new installation, make it: {UP}.",
        )


class LedgerUnreadable(SetupProblem):
    """The ledger's file cannot be read."""

    code = "ledger-unreadable"

    def __init__(self, path: str, reason: str) -> None:
        """Take SQLite's code or the operating system's class of error."""
        super().__init__(
            f"The ledger {path} cannot be read ({reason}).",
            "Mount its disk, or restore it from a backup: docs/restoring.md.",
        )


class WarehouseUnreadable(SetupProblem):
    """The warehouse's folder cannot be read."""

    code = "warehouse-unreadable"

    def __init__(self, folder: str, reason: str) -> None:
        """Take the operating system's class of error."""
        super().__init__(
            f"The warehouse {folder} cannot be read ({reason}).",
            "Mount its disk, give the user that runs this the permission, or restore it from a "
            "backup: docs/restoring.md.",
        )


class LedgerOnNetworkDisk(SetupProblem):
    """The ledger is an SQLite file on a network disk."""

    code = "ledger-on-network-disk"

    def __init__(self, path: str, file_system: str) -> None:
        super().__init__(
            f"The ledger {path} is on a network file system ({file_system}), where SQLite's locks "
            "do not work: it may be damaged.",
            "Move it to a local disk with ALUMNIQ_LEDGER_URL=sqlite:////folder/ledger.db, or use "
            "PostgreSQL.",
        )


class DatabaseUnreachable(SetupProblem):
    """A database does not respond."""

    code = "database-unreachable"

    def __init__(self, part: DatabasePart, address: str, reason: str) -> None:
        """Take host and port, and the driver's class of error; never the whole address."""
        super().__init__(
            f"The database of the {part}, {address}, does not respond ({reason}).",
            f"Start it, or correct ALUMNIQ_{part.upper()}_URL: host, port, database, role and "
            "password.",
        )


class ClockDiffers(SetupProblem):
    """The clock of this host differs from the database's."""

    code = "clock-differs"

    def __init__(self, seconds: int, side: str) -> None:
        """Take on which side this host is: ahead or behind."""
        super().__init__(
            f"The clock of this host is {seconds:,} seconds {side} that of the ledger's database.",
            "Synchronize the clocks of all hosts, for instance with systemd-timesyncd or chrony "
            "(timedatectl set-ntp true).",
        )


class DagsterHomeMissing(SetupProblem):
    """Dagster has no configuration."""

    code = "dagster-home-missing"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"There is no {path}, so Dagster's programs would not find its instance.",
            f"Correct ALUMNIQ_DAGSTER_HOME or DAGSTER_HOME, or make it: {alumniq_command('up')} or "
            f"{alumniq_command('migrate')}.",
        )


class DagsterConfigurationDiffers(SetupProblem):
    """An operator's own dagster.yaml contradicts the settings."""

    code = "dagster-configuration-differs"

    def __init__(self, path: str, sections: Sequence[str]) -> None:
        super().__init__(
            f"{path} is an operator's own, and other than the settings say in: "
            f"{', '.join(sections)}.",
            "Change these sections, or the settings. Or delete the file: alumniq up makes it from "
            "the settings.",
        )


class DagsterConfigurationUnreadable(SetupProblem):
    """Dagster's configuration cannot be read."""

    code = "dagster-configuration-unreadable"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"{path} cannot be read ({reason}).",
            "Correct it, or delete it: alumniq up makes it from the settings.",
        )
