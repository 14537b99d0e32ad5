"""Checks of the databases: the ledger, Dagster's records and the warehouse."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from alumniq_pipelines.cli.dagster_storage import is_postgresql
from alumniq_pipelines.cli.redis_servers import address_of
from alumniq_pipelines.core.problems.installation import (
    DatabaseUnreachable,
    LedgerMissing,
    LedgerOnNetworkDisk,
    LedgerUnreadable,
    WarehouseUnreadable,
)
from alumniq_pipelines.core.problems.outage import LedgerUnavailable, WarehouseUnavailable
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.setup import DagsterNotMigrated, ForeignRevision

if TYPE_CHECKING:
    from alumniq_pipelines.cli.installation_check.check import CheckContext

MOUNTS = Path("/proc/self/mounts")
"""On Linux; elsewhere nothing shows what a disk is."""
NETWORK_FILE_SYSTEMS = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs"}
    | {"fuse.sshfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3"}
    | {"smbfs", "virtiofs"}
)
SQLITE_RECORDS = "history/runs.db"
"""Where Dagster stores its runs in its home."""


def find_in_ledger(context: "CheckContext") -> Iterator[Problem]:
    """Connect to the ledger; its revision is another check."""
    database = context.ledger.database
    if not database.exists():
        yield LedgerMissing(str(database.path))
        return
    with suppress(ForeignRevision):
        try:
            context.ledger.check_revision()
        except LedgerUnavailable as outage:
            yield (
                DatabaseUnreachable("ledger", address_of(context.settings.ledger), outage.reason)
                if database.path is None
                else LedgerUnreadable(str(database.path), outage.reason)
            )


def find_in_revision(context: "CheckContext") -> Iterator[Problem]:
    """Compare the revision of the tables with this release's."""
    context.ledger.check_revision()
    yield from ()


def find_in_ledger_writes(context: "CheckContext") -> Iterator[Problem]:
    """Ask whether a row could be written."""
    context.ledger.database.check_writable()
    yield from ()


def find_in_ledger_disk(context: "CheckContext") -> Iterator[Problem]:
    """Find out whether an SQLite ledger is on a network file system."""
    path = context.ledger.database.path
    if path is None or not MOUNTS.exists():
        return
    kind = file_system_of(path.resolve(), MOUNTS.read_text(encoding="utf-8", errors="replace"))
    if kind in NETWORK_FILE_SYSTEMS:
        yield LedgerOnNetworkDisk(str(path), kind)


def file_system_of(path: Path, mounts: str) -> str:
    """Return the kind of file system that a path is on, from the text of /proc/self/mounts."""
    found, depth = "", -1
    for line in mounts.splitlines():
        _, mounted, kind, *_ = line.split(" ")
        # Blanks and other special characters are written as octal numbers.
        folder = Path(mounted.encode().decode("unicode_escape"))
        if path.is_relative_to(folder) and len(folder.parts) >= depth:
            found, depth = kind, len(folder.parts)
    return found


def find_in_dagster_tables(context: "CheckContext") -> Iterator[Problem]:
    """Find out whether Dagster has its tables, without Dagster."""
    from alumniq_pipelines.cli.dagster_storage import check_tables

    settings = context.settings
    if is_postgresql(settings):
        check_tables(context.ledger)
    elif not (settings.dagster_home / SQLITE_RECORDS).is_file():
        yield DagsterNotMigrated()


def find_in_warehouse(context: "CheckContext") -> Iterator[Problem]:
    """Connect to the warehouse, and ask whether a version could be published."""
    from alumniq_pipelines.warehouse_wiring import check_warehouse
    from alumniq_pipelines.wiring import highest_version_number

    settings = context.settings
    try:
        check_warehouse(settings)
        highest_version_number(settings)
    except WarehouseUnavailable as outage:
        match settings.warehouse:
            case "duckdb":
                yield WarehouseUnreadable(str(settings.warehouse_dir), outage.reason)
            case "postgres":
                url = settings.warehouse_url
                address = address_of(url.get_secret_value() if url else "")
                yield DatabaseUnreachable("warehouse", address, outage.reason)
            case _ as unreachable:
                assert_never(unreachable)
