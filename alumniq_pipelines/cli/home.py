"""The data folder of an installation: preparing it, and allowing one running system on it."""

import fcntl
import importlib.metadata
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from alumniq_pipelines.adapters.data_folder import lock_file
from alumniq_pipelines.cli.dagster_storage import STORAGE, is_postgresql, make_schema
from alumniq_pipelines.cli.installation import ledger_of
from alumniq_pipelines.cli.programs import programs_environment
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable
from alumniq_pipelines.core.problems.setup import AlreadyUp, PortUnusable, ProgramFailed
from alumniq_pipelines.files.private_files import UMASK, make_folder
from alumniq_pipelines.settings import REPOSITORY, Settings
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
    """Create everything that the programs expect; harmless to repeat.

    Dagster's configuration is copied each time: to change it, edit the repository's dagster.yaml.
    If the ledger is in PostgreSQL, Dagster's records go there too, in a schema of their own. Raises
    SetupProblem if ledger or warehouse cannot be used as they are set up.
    """
    from alumniq_pipelines.wiring import open_buckets, protect_data_folder

    protect_data_folder(settings)
    make_folder(settings.dagster_home)
    configuration = settings.dagster_home / "dagster.yaml"
    shutil.copyfile(REPOSITORY / "dagster.yaml", configuration)
    if is_postgresql(settings):
        with configuration.open("a", encoding="utf-8") as file:
            file.write(STORAGE)
    with ledger_of(settings) as ledger:  # opening it brings its tables up to date
        ledger.ping()
    with suppress(WarehouseUnavailable):  # loads are accepted, and wait until it is back
        check_warehouse(settings)
    make_schema(settings)
    _migrate_dagster(settings)
    open_buckets(settings)


def _migrate_dagster(settings: Settings) -> None:
    """Create or upgrade Dagster's tables, unless this Dagster version did so before.

    This happens before the programs start: two programs that find no tables both create them, and
    then neither works.
    """
    made_by = settings.dagster_home / "tables-made-by"
    storage = "PostgreSQL" if is_postgresql(settings) else "SQLite"
    version = f"{importlib.metadata.version('dagster')} in {storage}"
    if made_by.exists() and made_by.read_text(encoding="utf-8") == version:
        return
    command = [sys.executable, "-m", "dagster", "instance", "migrate"]
    environment = programs_environment(settings)
    done = subprocess.run(
        command, env=environment, stdout=subprocess.DEVNULL, check=False, umask=UMASK
    )
    if done.returncode:
        reason = f"ended with exit code {done.returncode}"
        raise ProgramFailed(MIGRATION, reason)
    made_by.write_text(version, encoding="utf-8")


def check_ports(settings: Settings) -> None:
    """Raise PortUnusable if a program could not listen on its port."""
    wanted = (
        (settings.gateway_host, settings.gateway_port, "gateway", "--gateway-port"),
        (settings.dagster_host, settings.dagster_port, "Dagster UI", "--dagster-port"),
    )
    for host, port, program, option in wanted:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            raise PortUnusable(program=program, port=port, reason=reason, option=option) from None
