"""`alumniq demo`: five loads of made-up files from webhook to callback, each promise checked."""

import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alumniq_pipelines.adapters.data_folder import DEMO_LOG
from alumniq_pipelines.cli.console import stdout_console
from alumniq_pipelines.cli.demo.display import rejections, table
from alumniq_pipelines.cli.demo.loads import Demo
from alumniq_pipelines.cli.demo.receiver import run_receiver
from alumniq_pipelines.cli.demo.stage import (
    BROKEN,
    CUSTOMER,
    clear,
    demo_settings,
    set_up,
)
from alumniq_pipelines.cli.home import exclusive_use
from alumniq_pipelines.cli.installation import feed_of, ledger_of
from alumniq_pipelines.cli.supervisor import stop_signals
from alumniq_pipelines.cli.up import system
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.setup import DemoFailed
from alumniq_pipelines.core.shell import posix_command, posix_word
from alumniq_pipelines.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

WAVE_SECONDS = 240.0
BROKEN_SECONDS = 120.0
"""Ten times as long as on two idle cores."""
TAIL_LINES = 15
LOG_WIDTH = 120
"""The width of tables where the output is no terminal."""


@dataclass(frozen=True)
class Logs:
    """The programs' output: written to a file; its last lines are printed if something fails."""

    path: Path
    ends: dict[str, deque[str]] = field(default_factory=dict)

    def add(self, program: str, line: str) -> None:
        """Add a line."""
        self.ends.setdefault(program, deque(maxlen=TAIL_LINES)).append(line)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{program} | {line}\n")

    def print_ends(self) -> None:
        """Print the last lines of each program to stderr."""
        for program, lines in self.ends.items():
            typer.secho(f"--- Last lines of the {program}", bold=True, err=True)
            for line in lines:
                typer.echo(line, err=True)


def demo(
    data_dir: Annotated[
        Path | None, typer.Option(help="The folder of the demo, emptied first. Default: var/demo.")
    ] = None,
    people: Annotated[int, typer.Option(min=100, help="Number of people in the files.")] = 50_000,
) -> None:
    """Load five made-up files from webhook to callback, check the results, then stop."""
    settings = demo_settings(data_dir or Settings().data_dir / "demo")
    console = stdout_console()
    if not console.is_terminal:
        console.width = LOG_WIDTH
    begun = time.monotonic()
    with stop_signals() as stop, exclusive_use(settings) as lock:
        clear(settings)
        logs = Logs(settings.home / DEMO_LOG)
        try:
            with run_receiver() as receiver, ledger_of(settings) as ledger:
                play = Demo(
                    settings=settings,
                    ledger=ledger,
                    receiver=receiver,
                    console=console,
                    stop=stop,
                )
                with _running(settings, lock, logs, stop, console):
                    _run_loads(play, people)
        except Problem:
            logs.print_ends()
            raise
    _print_next_steps(settings, console, time.monotonic() - begun)


@contextmanager
def _running(
    settings: Settings, lock: int, logs: Logs, stop: threading.Event, console: "Console"
) -> Iterator[None]:
    """Run the system while the demo plays; programs that die are restarted."""
    console.print("Starting gateway, Dagster UI and daemon ...")
    with system(settings, lock, logs.add, stop) as supervisor:
        if stop.is_set():
            raise typer.Abort
        ended = threading.Event()
        watcher = threading.Thread(target=supervisor.watch, args=(ended,))
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            console.print("Stopping everything ...")


def _run_loads(play: Demo, people: int) -> None:
    """Deliver five files; the broken one must reject exactly the rows that were planted in it."""
    from alumniq_pipelines.services.file_check import check_file

    console = play.console
    console.print(f"Writing files of {people:,} people of {CUSTOMER.name} ...")
    stage = set_up(play.settings, play.ledger, people)

    _headline(console, "Four files, four webhooks")
    good = [play.deliver(stage.key, feed, path) for feed, path in stage.files.items()]
    rows = play.follow(good, WAVE_SECONDS)
    console.print(table(rows))
    _headline(console, "Callbacks as received")
    for delivery in good:
        console.out(play.callback(delivery, LoadState.SUCCEEDED), highlight=False)
    _headline(console, "Mail")
    for delivery in good:
        console.out(play.mail(delivery)[0], highlight=False)
    _check_live_rows(play, people)

    _headline(console, "A broken file")
    broken = play.deliver(stage.key, "warehouse", stage.broken)
    rows = [*rows, *play.follow([broken], BROKEN_SECONDS)]
    body = play.callback(broken, LoadState.FAILED)
    console.out(body, highlight=False)
    _headline(console, "Its mail")
    console.out("Subject: {}\n\n{}".format(*play.mail(broken)), highlight=False)
    _headline(console, "The same errors on the sender's own machine: alumniq check")
    found = check_file(stage.broken, feed_of(play.settings, "warehouse")).errors
    console.print(rejections(found))
    planted = [(fault.row, fault.line, fault.column, fault.code) for fault in stage.planted]
    if [(error.row, error.line, error.column, error.code) for error in found] != planted:
        reason = "The rejected rows are not the rows that were written to break a rule."
        raise DemoFailed(reason)
    if not all(f"line {fault.line})" in body for fault in stage.planted):
        reason = "The callback does not name the line of every row that breaks a rule."
        raise DemoFailed(reason)
    _check_live_rows(play, people)

    _headline(console, "All five loads")
    console.print(table(rows))


def _check_live_rows(play: Demo, people: int) -> None:
    found = play.live_rows()
    if found != people:
        reason = f"Readers should see {people:,} people but see {found:,}."
        raise DemoFailed(reason)
    play.console.print(f"\nReaders see {found:,} people.")


def _headline(console: "Console", text: str) -> None:
    console.print(f"\n[bold]{text}[/bold]")


def _print_next_steps(settings: Settings, console: "Console", seconds: float) -> None:
    alumniq, folder = str(_from_here(Path(sys.argv[0]))), _from_here(settings.home)
    on_it = f"ALUMNIQ_DATA_DIR={posix_word(str(folder))}"
    broken = str(folder / "files" / BROKEN)
    lines = (
        f"\nDone in {seconds:.0f} seconds. Nothing is left running. What to try next:",
        f"  {posix_command(alumniq, 'up', '--data-dir', str(folder))}",
        "      browse these loads in the Dagster UI; `make up` uses a data folder of its own",
        f"  {posix_command(alumniq, 'check', broken, '--feed', 'warehouse')}",
        "      check a file without any server",
        f"  {on_it} {posix_command(alumniq, 'load', 'list')}",
        f"  {on_it} {posix_command(alumniq, 'sql', 'iqu', 'qa', 'from warehouse limit 5')}",
    )
    for line in lines:
        console.out(line, highlight=False)


def _from_here(path: Path) -> Path:
    """Return a path relative to the current folder, if it is below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
