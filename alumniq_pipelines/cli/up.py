"""`alumniq up`: run the whole system under one supervisor until Ctrl-C."""

import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.dagster_configuration import CELERY
from alumniq_pipelines.cli.home import check_ports, exclusive_use, prepare_installation
from alumniq_pipelines.cli.log_lines import WIDTH, print_line
from alumniq_pipelines.cli.programs import (
    CODE_SERVER,
    DAEMON,
    GATEWAY,
    ROLES,
    WEB_SERVER,
    WORKER,
    programs,
    programs_environment,
    write_workspace,
)
from alumniq_pipelines.cli.supervisor import LogWriter, Supervisor, stop_signals
from alumniq_pipelines.core.problems.setup import UnknownProgram
from alumniq_pipelines.settings import Settings

SUPERVISOR = "alumniq up"
NAMES = {
    "gateway": GATEWAY,
    "code": CODE_SERVER,
    "web": WEB_SERVER,
    "daemon": DAEMON,
    "worker": WORKER,
}
"""Of the programs, as --only takes them."""


def up(
    gateway_port: Annotated[int | None, typer.Option(help="Port of the gateway.")] = None,
    dagster_port: Annotated[int | None, typer.Option(help="Port of the Dagster UI.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    only: Annotated[
        str, typer.Option(help="Some programs only: gateway, code, web, daemon, worker; by commas.")
    ] = "",
) -> None:
    """Start the gateway, the Dagster UI and the Dagster daemon; Ctrl-C stops them.

    Omitted options come from the settings. A program that dies is restarted. With --only, the other
    programs may be on other hosts, which have the same settings.
    """
    chosen: dict[str, Any] = {
        "gateway_port": gateway_port,
        "dagster_port": dagster_port,
        "data_dir": data_dir,
    }
    settings = Settings(**{name: value for name, value in chosen.items() if value is not None})
    roles = chosen_roles(settings, only)
    with (
        stop_signals() as stop,
        exclusive_use(settings) as lock,
        system(settings, lock, _print_until(stop, settings), stop, roles) as supervisor,
    ):
        if not stop.is_set():
            _print_banner(settings, roles)
        supervisor.watch(stop)
        _print_message(settings, "Stopping ...")
    _print_message(settings, "Stopped. Nothing is left running.")


@contextmanager
def system(
    settings: Settings,
    lock: int,
    write_log: LogWriter,
    stop: threading.Event,
    roles: Collection[str] = ROLES,
) -> Iterator[Supervisor]:
    """Run the whole system on its data folder, or some roles: ready on entry, ended on exit.

    `lock` comes from exclusive_use. Raises PortUnusable and ProgramFailed.
    """
    # It is the temporary folder of all programs, too: what killed ones leave there goes with it.
    with tempfile.TemporaryDirectory(prefix="alumniq-") as folder:
        check_ports(settings, roles)
        prepare_installation(settings)
        write_workspace(settings, Path(folder))
        supervisor = Supervisor(
            stages=programs(settings, Path(folder), time.time(), roles),
            environment={**programs_environment(settings), "TMPDIR": folder},
            write_log=write_log,
            lock=lock,
        )
        with supervisor.running(stop):
            yield supervisor


def chosen_roles(settings: Settings, only: str) -> Collection[str]:
    """Return the programs to start; raises UnknownProgram."""
    if not only:
        return (*ROLES, WORKER) if settings.launcher == CELERY else ROLES
    chosen = [name.strip() for name in only.split(",")]
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        raise UnknownProgram(unknown[0], list(NAMES))
    return [NAMES[name] for name in chosen]


def _print_until(stop: threading.Event, settings: Settings) -> LogWriter:
    """Return a function that prints the programs' output until they are being stopped.

    What they log while they are being stopped is noise, such as lost connections to each other.
    """

    def write_log(program: str, line: str) -> None:
        if not stop.is_set():
            print_line(settings, program, line)

    return write_log


def _print_message(settings: Settings, message: str) -> None:
    """Print a message of our own."""
    match settings.log_format:
        case "text":
            typer.echo(message)
        case "json":
            print_line(settings, SUPERVISOR, message)


def _print_banner(settings: Settings, roles: Collection[str]) -> None:
    """Print that everything runs, and where."""
    rows = [("Data folder", str(settings.home))]
    if WEB_SERVER in roles:
        rows.insert(0, ("Dagster UI", f"http://{settings.dagster_host}:{settings.dagster_port}"))
    if GATEWAY in roles:
        rows.insert(0, ("Pages", f"{settings.gateway_url}/"))
        rows.insert(0, ("Webhooks", f"{settings.gateway_url}/api/v1/index.cfm/webhook/JOB"))
        rows.append(("First step", "alumniq customer add iqu --name 'IQ University'"))
    if settings.log_format == "json":
        places = "; ".join(f"{name}: {value}" for name, value in rows)
        _print_message(settings, f"Everything is running. {places}")
        return
    typer.secho("\nEverything is running. Press Ctrl-C to stop.", bold=True)
    for name, value in rows:
        typer.echo(f"  {name:<{WIDTH}}{value}")
    typer.echo()
