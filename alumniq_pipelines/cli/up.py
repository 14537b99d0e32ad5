"""`alumniq up`: run the whole system under one supervisor until Ctrl-C."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.home import check_ports, exclusive_use, prepare_installation
from alumniq_pipelines.cli.programs import (
    CODE_SERVER,
    DAEMON,
    GATEWAY,
    WEB_SERVER,
    programs,
    programs_environment,
    write_workspace,
)
from alumniq_pipelines.cli.supervisor import LogWriter, Supervisor, stop_signals
from alumniq_pipelines.settings import Settings

COLOURS = {
    GATEWAY: typer.colors.GREEN,
    CODE_SERVER: typer.colors.MAGENTA,
    WEB_SERVER: typer.colors.BLUE,
    DAEMON: typer.colors.CYAN,
}
WIDTH = max(map(len, COLOURS))


def up(
    gateway_port: Annotated[int | None, typer.Option(help="Port of the gateway.")] = None,
    dagster_port: Annotated[int | None, typer.Option(help="Port of the Dagster UI.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
) -> None:
    """Start the gateway, the Dagster UI and the Dagster daemon; Ctrl-C stops them.

    Omitted options come from the settings. A program that dies is restarted.
    """
    chosen: dict[str, Any] = {
        "gateway_port": gateway_port,
        "dagster_port": dagster_port,
        "data_dir": data_dir,
    }
    settings = Settings(**{name: value for name, value in chosen.items() if value is not None})
    with (
        stop_signals() as stop,
        exclusive_use(settings) as lock,
        system(settings, lock, _print_until(stop), stop) as supervisor,
    ):
        if not stop.is_set():
            _print_banner(settings)
        supervisor.watch(stop)
        typer.echo("Stopping ...")
    typer.echo("Stopped. Nothing is left running.")


@contextmanager
def system(
    settings: Settings, lock: int, write_log: LogWriter, stop: threading.Event
) -> Iterator[Supervisor]:
    """Run the whole system on its data folder: ready on entry, ended on exit.

    `lock` comes from exclusive_use. Raises PortUnusable and ProgramFailed.
    """
    # It is the temporary folder of all programs, too: what killed ones leave there goes with it.
    with tempfile.TemporaryDirectory(prefix="alumniq-") as folder:
        check_ports(settings)
        prepare_installation(settings)
        write_workspace(Path(folder))
        supervisor = Supervisor(
            stages=programs(settings, Path(folder), time.time()),
            environment={**programs_environment(settings), "TMPDIR": folder},
            write_log=write_log,
            lock=lock,
        )
        with supervisor.running(stop):
            yield supervisor


def _print_until(stop: threading.Event) -> LogWriter:
    """Return a function that prints the programs' output until they are being stopped.

    What they log while they are being stopped is noise, such as lost connections to each other.
    """

    def write_log(program: str, line: str) -> None:
        if not stop.is_set():
            name = typer.style(f"{program:>{WIDTH}} |", fg=COLOURS[program])
            typer.echo(f"{name} {line}")

    return write_log


def _print_banner(settings: Settings) -> None:
    rows = (
        ("Webhooks", f"{settings.gateway_url}/api/v1/index.cfm/webhook/JOB"),
        ("Pages", f"{settings.gateway_url}/"),
        ("Dagster UI", f"http://{settings.dagster_host}:{settings.dagster_port}"),
        ("Data folder", str(settings.home)),
        ("First step", "alumniq customer add iqu --name 'IQ University'"),
    )
    typer.secho("\nEverything is running. Press Ctrl-C to stop.", bold=True)
    for name, value in rows:
        typer.echo(f"  {name:<{WIDTH}}{value}")
    typer.echo()
