"""What can be wrong with an installation: for staff, permanent."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.shell import alumniq_command, posix_command

MIGRATE = alumniq_command("migrate")


class UnusableLedgerUrl(SetupProblem):
    """The ledger's address is not valid."""

    code = "unusable-ledger-url"

    def __init__(self) -> None:
        """Never repeat the address: it may contain a password."""
        super().__init__(
            "ALUMNIQ_LEDGER_URL is not the address of an SQLite or PostgreSQL database.",
            "Write sqlite:////folder/ledger.db or postgresql://user@host/database, "
            "or leave it empty for SQLite in the data folder.",
        )


class ForeignRevision(SetupProblem):
    """The ledger's tables belong to another release."""

    code = "foreign-revision"

    def __init__(self, found: str | None, expected: str) -> None:
        super().__init__(
            f"The ledger's tables are at revision {found or 'none'}; "
            f"this release needs {expected}.",
            f"To upgrade older tables, run: {MIGRATE}. Those of a newer release need that release.",
        )


class DagsterNotMigrated(SetupProblem):
    """Dagster has no tables in the ledger's database."""

    code = "dagster-not-migrated"

    def __init__(self) -> None:
        super().__init__(
            "Dagster has no tables in the ledger's database yet.", f"Make them: {MIGRATE}."
        )


class UnusableLauncher(SetupProblem):
    """The run launcher cannot be read."""

    code = "unusable-launcher"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"ALUMNIQ_LAUNCHER is {path!r}, which is no description of a run launcher ({reason}).",
            "Set it to local, or to the path of a YAML file with the keys module, class and config "
            "of a run launcher, as under `run_launcher` in a dagster.yaml.",
        )


class NotForSeveralHosts(SetupProblem):
    """Settings of one machine are combined with runs on several."""

    code = "not-for-several-hosts"

    def __init__(self, missing: Sequence[str]) -> None:
        """Take the settings that are missing, each with what it must be."""
        super().__init__(
            "With ALUMNIQ_LAUNCHER, runs may be on any host, so nothing that they share may be in "
            "the data folder of one.",
            f"Set on every host alike: {'; '.join(missing)}. Or leave ALUMNIQ_LAUNCHER out.",
        )


class UnusableWarehouseUrl(SetupProblem):
    """The warehouse's address is not valid."""

    code = "unusable-warehouse-url"

    def __init__(self) -> None:
        """Never repeat the address: it may contain a password."""
        super().__init__(
            "ALUMNIQ_WAREHOUSE_URL is not the address of a PostgreSQL database.",
            "Write postgresql://user@host/database, or set ALUMNIQ_WAREHOUSE=duckdb.",
        )


class ViewsInTheWay(SetupProblem):
    """Views on a table prevent its columns from changing."""

    code = "views-in-the-way"

    def __init__(self, relation: str, stuck: Sequence[str], reason: str) -> None:
        """Take the views that cannot change, and the database's reason, which has names only."""
        super().__init__(
            f"The columns of {relation} have to change, and {', '.join(stuck)} cannot follow: "
            f"{reason.rstrip('.')}.",
            "Drop or change what is named, load the file again, and create it again.",
        )


class FieldMapProblem(SetupProblem):
    """A field map is wrong."""

    code = "field-map"

    def __init__(self, faults: Sequence[str]) -> None:
        """List every fault, one a line, each already naming its place and its fix."""
        sentences = (fault if fault.endswith("?") else f"{fault}." for fault in faults)
        super().__init__("\n".join(sentences), "See schemas/README.md for the language.")
        self.faults = tuple(faults)


class FieldMapsMissing(SetupProblem):
    """The field map folder cannot be read."""

    code = "field-maps-missing"

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(
            f"The field map folder cannot be read: {folder} ({reason}).",
            "No feed can be loaded without it. Restore the folder, or set ALUMNIQ_SCHEMAS_DIR.",
        )


class FeedDisabled(SetupProblem):
    """The feed is disabled because its field map is broken."""

    code = "feed-disabled"

    def __init__(self, feed: str, faults: Sequence[str] = ()) -> None:
        """Take the faults, each of which names file, line and what is wrong."""
        sentences = "".join(f" {fault}." for fault in faults)
        super().__init__(
            f"The feed {feed} is disabled: its field map is broken, and no earlier valid one was "
            f"saved.{sentences}",
            "Correct the file, then check it: alumniq feed check.",
        )


class FeedGone(SetupProblem):
    """The feed no longer has a field map."""

    code = "feed-gone"

    def __init__(self, feed: str) -> None:
        super().__init__(
            f"A load of {feed} was accepted, but the feed no longer has a field map.",
            f"Put schemas/{feed}.yaml back, or inform its customers that the feed was retired.",
        )


class UnusableNetwork(SetupProblem):
    """A network that callbacks may reach is not valid."""

    code = "unusable-network"

    def __init__(self, network: str) -> None:
        super().__init__(
            f"ALUMNIQ_CALLBACK_ALLOWED_NETWORKS: {network!r} is not a network.",
            'Write networks in CIDR form, as a JSON list: ["10.20.0.0/16"].',
        )


class NoSigningKey(SetupProblem):
    """The signing key is missing or unusable."""

    code = "no-signing-key"

    def __init__(self) -> None:
        """Warn of a new key: it would make other secrets than customers have."""
        super().__init__(
            "Callbacks cannot be signed: the signing key is missing or not hexadecimal.",
            "Restore signing.key in the data folder, or set ALUMNIQ_SIGNING_KEY. If the key is "
            "lost, stop signing for each customer, then make new secrets: "
            "alumniq customer signing-secret.",
        )


class TracingNotInstalled(SetupProblem):
    """Traces are asked for, and what makes them is not installed."""

    code = "tracing-not-installed"

    def __init__(self) -> None:
        super().__init__(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed, so there are "
            "no traces.",
            "Install the extra, pip install 'alumniq-pipelines[otel]', or remove the variable.",
        )


class UnknownProgram(SetupProblem):
    """There is no program of that name."""

    code = "unknown-program"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no program {name!r}.", f"Programs: {', '.join(known)}.")


class PortUnusable(SetupProblem):
    """A port cannot be used."""

    code = "port-unusable"

    def __init__(self, *, program: str, port: int, reason: str, option: str) -> None:
        """Take the system's reason, and the option that chooses another port."""
        super().__init__(
            f"The {program} cannot listen on port {port}: {reason}.",
            f"Stop the program that uses it, or choose another port: {option} {port + 1}.",
        )


class AlreadyUp(SetupProblem):
    """The system is running already."""

    code = "already-up"

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"The system is already running with the data folder {folder}.",
            "Stop it with Ctrl-C in its terminal, or use another data folder: --data-dir FOLDER.",
        )


class ProgramFailed(SetupProblem):
    """A part of the system did not start."""

    code = "program-failed"

    def __init__(self, program: str, reason: str) -> None:
        """Take what happened as a clause that follows the program's name."""
        super().__init__(f"The {program} {reason}.", "See the end of its log above.")


class NotADemoFolder(SetupProblem):
    """The folder was not made by the demo."""

    code = "not-a-demo-folder"

    def __init__(self, folder: str) -> None:
        super().__init__(
            f"{folder} contains files that no demo made, and a demo begins by emptying its folder.",
            "Use another folder: --data-dir FOLDER.",
        )


class DemoFailed(SetupProblem):
    """The demo did not go as expected."""

    code = "demo-failed"

    def __init__(self, reason: str) -> None:
        """Take what was expected and did not happen, as a sentence."""
        super().__init__(reason, "See the end of the logs above.")


class UnusableSealingKey(SetupProblem):
    """The key that encrypts secrets cannot be used."""

    code = "unusable-sealing-key"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is damaged, or is not the key that the stored secrets were encrypted with.",
            "Restore it from a backup: it has one Fernet key per line, and the same on every host.",
        )


class DataFolderUnusable(SetupProblem):
    """The data folder cannot be used."""

    code = "data-folder-unusable"

    def __init__(self, folder: str, reason: str) -> None:
        """Take the system's reason."""
        super().__init__(
            f"The data folder {folder} cannot be used: {reason}.",
            "Let the user that runs this write to it, or choose another: "
            "ALUMNIQ_DATA_DIR or --data-dir.",
        )


class DataFolderNotPrivate(SetupProblem):
    """Others can read what is in the data folder."""

    code = "data-folder-not-private"

    def __init__(self, path: str, owner: str, reason: str) -> None:
        """Take whose it is, and why its permissions cannot be changed."""
        super().__init__(
            f"Other users can read {path}, which belongs to {owner}, and its permissions cannot "
            f"be changed: {reason}.",
            f"Run this as {owner}, or as an administrator change the owner "
            f"({posix_command('chown', '-R', 'USER', path)}) or the permissions "
            f"({posix_command('chmod', '-R', 'go-rwx', path)}).",
        )


class DataFolderShared(SetupProblem):
    """The data folder contains other files."""

    code = "data-folder-shared"

    def __init__(self, folder: str, name: str) -> None:
        """Take the name of one of the other files."""
        super().__init__(
            f"The data folder {folder} contains other files, such as {name!r}. Making it private "
            "would lock other users out of them.",
            "Choose a folder of its own with ALUMNIQ_DATA_DIR or --data-dir, or move the other "
            "files out of this one.",
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
