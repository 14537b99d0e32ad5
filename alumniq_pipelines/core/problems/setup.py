"""What can be wrong with an installation: for staff, permanent."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.shell import posix_command


class UnusableLedgerUrl(SetupProblem):
    """The ledger's address cannot be used."""

    code = "unusable-ledger-url"

    def __init__(self) -> None:
        """Never repeat the address: it may hold a password."""
        super().__init__(
            "ALUMNIQ_LEDGER_URL is not the address of a database the ledger can live in.",
            "Write sqlite:////folder/ledger.db or postgresql://user@host/database, "
            "or leave it empty for SQLite in the data folder.",
        )


class ForeignRevision(SetupProblem):
    """The ledger's tables are of another release."""

    code = "foreign-revision"

    def __init__(self, found: str | None, expected: str) -> None:
        """Name both revisions."""
        super().__init__(
            f"The ledger's tables are at revision {found or 'none'}, "
            f"this release works on {expected}.",
            "Bring them up: alumniq up does so at its start. "
            "Tables of a newer release need that release.",
        )


class UnusableWarehouseUrl(SetupProblem):
    """The warehouse's address cannot be used."""

    code = "unusable-warehouse-url"

    def __init__(self) -> None:
        """Never repeat the address: it may hold a password."""
        super().__init__(
            "ALUMNIQ_WAREHOUSE_URL is not the address of a PostgreSQL database.",
            "Write postgresql://user@host/database, or set ALUMNIQ_WAREHOUSE=duckdb.",
        )


class ViewsInTheWay(SetupProblem):
    """What others built on a table keeps its columns from changing."""

    code = "views-in-the-way"

    def __init__(self, relation: str, stuck: Sequence[str], reason: str) -> None:
        """Name what cannot go along, and the database's reason, which holds names only."""
        super().__init__(
            f"The columns of {relation} change, and {', '.join(stuck)} cannot change with them: "
            f"{reason.rstrip('.')}.",
            "Change or drop what is named, load the file again, and make it anew.",
        )


class FieldMapProblem(SetupProblem):
    """A field map is wrong."""

    code = "field-map"

    def __init__(self, faults: Sequence[str]) -> None:
        """List every fault, one a line, each already naming its place and its mend."""
        sentences = (fault if fault.endswith("?") else f"{fault}." for fault in faults)
        super().__init__("\n".join(sentences), "See schemas/README.md for the language.")
        self.faults = tuple(faults)


class FieldMapsMissing(SetupProblem):
    """The folder of the field maps cannot be read."""

    code = "field-maps-missing"

    def __init__(self, folder: str, reason: str) -> None:
        """Name the folder and the system's reason."""
        super().__init__(
            f"The folder of the field maps cannot be read: {folder} ({reason}).",
            "No feed can be loaded without it. Restore the folder, or set ALUMNIQ_SCHEMAS_DIR.",
        )


class FeedDisabled(SetupProblem):
    """The feed is disabled because its field map is broken."""

    code = "feed-disabled"

    def __init__(self, feed: str, faults: Sequence[str] = ()) -> None:
        """List the faults, each of which names file, line and what is wrong."""
        sentences = "".join(f" {fault}." for fault in faults)
        super().__init__(
            f"The feed {feed} is disabled: its field map is broken, and no earlier good one was "
            f"saved.{sentences}",
            "Correct the file and check it: alumniq feed check.",
        )


class FeedGone(SetupProblem):
    """The feed is described no more."""

    code = "feed-gone"

    def __init__(self, feed: str) -> None:
        """Name the feed, whose field map is gone."""
        super().__init__(
            f"A load of {feed} was accepted, and the feed has no field map any more.",
            f"Put schemas/{feed}.yaml back, or tell its customers that the feed has ended.",
        )


class UnusableNetwork(SetupProblem):
    """A network that callbacks may reach cannot be read."""

    code = "unusable-network"

    def __init__(self, network: str) -> None:
        """Name the setting."""
        super().__init__(
            f"ALUMNIQ_CALLBACK_ALLOWED_NETWORKS: {network!r} is not a network.",
            'Write networks in CIDR form, as a JSON list: ["10.20.0.0/16"].',
        )


class NoSigningKey(SetupProblem):
    """The signing key is missing or unusable."""

    code = "no-signing-key"

    def __init__(self) -> None:
        """Say what follows: a new key would make other secrets than customers have."""
        super().__init__(
            "Callbacks cannot be signed: the signing key is not where it was, or is not in hex.",
            "Put signing.key back into the data folder, or set ALUMNIQ_SIGNING_KEY. Where it is "
            "lost, stop signing for each customer, then make a new secret: "
            "alumniq customer signing-secret.",
        )


class UnusableBucketName(SetupProblem):
    """The name cannot be a bucket's."""

    code = "unusable-bucket-name"

    def __init__(self, name: str) -> None:
        """Give S3's rule, which folders follow too."""
        super().__init__(
            f"{name!r} cannot be the name of a bucket.",
            "Use 3 to 63 lower-case letters, digits, hyphens and dots.",
        )


class PortUnusable(SetupProblem):
    """A port cannot be listened on."""

    code = "port-unusable"

    def __init__(self, program: str, port: int, reason: str, option: str) -> None:
        """Name what wants the port, the system's reason, and the option that chooses another."""
        super().__init__(
            f"The {program} cannot listen on port {port}: {reason}.",
            f"Stop what uses that port, or choose another: {option} {port + 1}.",
        )


class AlreadyUp(SetupProblem):
    """The system is running already."""

    code = "already-up"

    def __init__(self, folder: str) -> None:
        """Name the data folder, which one system at a time may use."""
        super().__init__(
            f"The system is running on {folder} already.",
            "Stop it with Ctrl-C in its terminal, or use another folder: --data-dir FOLDER.",
        )


class ProgramFailed(SetupProblem):
    """A part of the system does not start."""

    code = "program-failed"

    def __init__(self, program: str, reason: str) -> None:
        """Take what happened as a clause that follows the program's name."""
        super().__init__(f"The {program} {reason}.", "The end of its log above says why.")


class NotADemoFolder(SetupProblem):
    """The folder is not the demo's to empty."""

    code = "not-a-demo-folder"

    def __init__(self, folder: str) -> None:
        """Name the folder."""
        super().__init__(
            f"{folder} has content that no demo made, and a demo begins by emptying its folder.",
            "Use another folder: --data-dir FOLDER.",
        )


class DemoFailed(SetupProblem):
    """The demo did not go as promised."""

    code = "demo-failed"

    def __init__(self, reason: str) -> None:
        """Take what was promised and did not happen, as a sentence."""
        super().__init__(reason, "The end of the logs above may say why.")


class UnusableSealingKey(SetupProblem):
    """The key that secrets are sealed with cannot be used."""

    code = "unusable-sealing-key"

    def __init__(self, name: str) -> None:
        """Name the file, never what it holds."""
        super().__init__(
            f"{name} does not open what was sealed.",
            "Put the file back from a backup of the data folder: one Fernet key a line.",
        )


class DataFolderUnusable(SetupProblem):
    """The data folder cannot be used."""

    code = "data-folder-unusable"

    def __init__(self, folder: str, reason: str) -> None:
        """Name the folder, and take the system's reason."""
        super().__init__(
            f"The data folder {folder} cannot be used: {reason}.",
            "Let the user that runs this write to it, or choose another: "
            "ALUMNIQ_DATA_DIR or --data-dir.",
        )


class DataFolderNotPrivate(SetupProblem):
    """Others can read what is in the data folder."""

    code = "data-folder-not-private"

    def __init__(self, path: str, owner: str, reason: str) -> None:
        """Name what others can read, whose it is, and why that cannot be changed."""
        super().__init__(
            f"Other users can read {path}, which belongs to {owner}, and its permissions cannot "
            f"be changed: {reason}.",
            f"Run this as {owner}, or as an administrator change the owner "
            f"({posix_command('chown', '-R', 'USER', path)}) or the permissions "
            f"({posix_command('chmod', '-R', 'go-rwx', path)}).",
        )


class DataFolderShared(SetupProblem):
    """The data folder holds things that are not ours."""

    code = "data-folder-shared"

    def __init__(self, folder: str, name: str) -> None:
        """Name the folder and one of the other things in it."""
        super().__init__(
            f"The data folder {folder} holds other things, such as {name!r}, and making it private "
            "would shut other users out of them.",
            "Choose a folder of its own, by ALUMNIQ_DATA_DIR or --data-dir, or move the other "
            "things out of this one.",
        )


class UnusableWarehouseGroup(SetupProblem):
    """The group that may read the warehouse cannot be used."""

    code = "unusable-warehouse-group"

    def __init__(self, group: str, reason: str) -> None:
        """Take the reason as a clause that follows the group's name."""
        super().__init__(
            f"ALUMNIQ_WAREHOUSE_GROUP: the group {group!r} {reason}.",
            "Name a group of the user that runs this, or leave the setting empty.",
        )
