"""The data folder of an installation, made ready and kept to one running system."""

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from alumniq_pipelines.cli.installation import ledger_of
from alumniq_pipelines.core.problems.setup import AlreadyUp, PortUnusable
from alumniq_pipelines.settings import REPOSITORY, Settings


@contextmanager
def sole_use(settings: Settings) -> Iterator[int]:
    """Keep others from running on the data folder, and answer the locked file's descriptor.

    The lock goes with the last process that holds the descriptor. Raises AlreadyUp.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyUp(str(settings.home)) from None
        yield file.fileno()


def make_ready(settings: Settings) -> None:
    """Make everything that the programs expect; harmless to repeat.

    Dagster's configuration is copied anew each time: change it in the repository's dagster.yaml.
    """
    from alumniq_pipelines.opening import open_buckets

    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(REPOSITORY / "dagster.yaml", settings.dagster_home / "dagster.yaml")
    open_buckets(settings)
    with ledger_of(settings):  # opening it brings its tables up to date
        pass


def check_ports(settings: Settings) -> None:
    """Raise PortUnusable where a program could not listen, rather than let it die of that."""
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
            raise PortUnusable(program, port, reason, option) from None
