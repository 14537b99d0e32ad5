"""The data folder of an installation: preparing it, and allowing one running system on it."""

import fcntl
import importlib.metadata
import os
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress

from alumniq_pipelines.adapters.data_folder import lock_file
from alumniq_pipelines.cli.dagster_configuration import check_profile, write_configuration
from alumniq_pipelines.cli.dagster_storage import check_tables, is_postgresql, make_schema
from alumniq_pipelines.cli.installation import ledger_of
from alumniq_pipelines.cli.programs import GATEWAY, WEB_SERVER, programs_environment
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.problems.setup import AlreadyUp, PortUnusable, ProgramFailed
from alumniq_pipelines.files.private_files import UMASK
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import check_warehouse

MIGRATION = "migration of Dagster's tables"


@contextmanager
def exclusive_use(settings: Settings) -> Iterator[int]:
    """Lock the data folder against other systems, and yield the lock file's descriptor.

    The lock is released when the last process that holds the descriptor ends. Raises AlreadyUp and
    DataFolderUnusable.
    """
    with lock_file(settings.home) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyUp(str(settings.home)) from None
        yield file.fileno()


def prepare_installation(settings: Settings) -> None:
    """Create everything that the programs expect on this host; harmless to repeat.

    Dagster's configuration is made from the settings each time, unless it is somebody's own. Tables
    in PostgreSQL are made by `migrate` alone: several hosts may have different releases for a
    while. Raises SetupProblem if ledger or warehouse cannot be used as they are set up.
    """
    from alumniq_pipelines.start_checks import host_differences
    from alumniq_pipelines.wiring import open_buckets, protect_data_folder

    check_profile(settings)
    protect_data_folder(settings)
    if is_postgresql(settings):
        write_configuration(settings)
    else:
        migrate(settings, anew=False)
    with ledger_of(settings) as ledger:
        ledger.ping()
        check_tables(ledger)
        for difference in host_differences(settings, ledger):
            raise difference
    with suppress(WarehouseUnavailable):  # loads are accepted, and wait until it is back
        check_warehouse(settings)
    open_buckets(settings)


def migrate(settings: Settings, *, anew: bool = True) -> None:
    """Create the tables of the ledger and of Dagster, or upgrade them; harmless to repeat.

    Records what all hosts must have alike; if `anew`, in place of what was recorded before. If the
    ledger is in PostgreSQL, Dagster's records go there too, in a schema of their own. Raises
    SetupProblem.
    """
    from alumniq_pipelines.adapters.ledger.ledger import Ledger
    from alumniq_pipelines.start_checks import record_host_values

    check_profile(settings)
    write_configuration(settings)
    with closing(Ledger.open(settings.ledger)) as ledger:
        ledger.migrate()
        record_host_values(settings, ledger, anew=anew)
    if is_postgresql(settings):
        make_schema(settings)
        _migrate_dagster(settings)
    else:
        _migrate_dagster_once(settings)


def _migrate_dagster_once(settings: Settings) -> None:
    """Create or upgrade Dagster's tables in SQLite, unless this Dagster version did so before."""
    made_by = settings.dagster_home / "tables-made-by"
    version = f"{importlib.metadata.version('dagster')} in SQLite"
    if not made_by.exists() or made_by.read_text(encoding="utf-8") != version:
        _migrate_dagster(settings)
        made_by.write_text(version, encoding="utf-8")


def _migrate_dagster(settings: Settings) -> None:
    """Create or upgrade Dagster's tables.

    This happens before the programs start: two programs that find no tables both create them, and
    then neither works.
    """
    command = [sys.executable, "-m", "dagster", "instance", "migrate"]
    environment = programs_environment(settings)
    done = subprocess.run(
        command, env=environment, stdout=subprocess.DEVNULL, check=False, umask=UMASK
    )
    if done.returncode:
        reason = f"ended with exit code {done.returncode}"
        raise ProgramFailed(MIGRATION, reason)


def check_ports(settings: Settings, roles: Collection[str]) -> None:
    """Raise PortUnusable if a program could not listen on its port."""
    wanted = (
        (settings.gateway_host, settings.gateway_port, GATEWAY, "--gateway-port"),
        (settings.dagster_host, settings.dagster_port, WEB_SERVER, "--dagster-port"),
    )
    for host, port, program, option in wanted:
        if program not in roles:
            continue
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            raise PortUnusable(program=program, port=port, reason=reason, option=option) from None
