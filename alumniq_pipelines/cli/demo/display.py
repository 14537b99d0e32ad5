"""What the demo prints: a live table in a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alumniq_pipelines.core.loads.check_result import Counts, Rejection

if TYPE_CHECKING:
    from rich.console import Console

STATE_STYLES = {"succeeded": "green", "failed": "red", "running": "yellow"}
MAX_REJECTIONS_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Row:
    """One load as the demo shows it; `seconds` run from the POST to the callback."""

    feed: str
    job_id: str
    state: str
    counts: Counts | None
    seconds: float
    is_notified: bool


Show = Callable[[Sequence[Row]], None]


@contextmanager
def live(console: "Console") -> Iterator[Show]:
    """Yield a function that shows the progress of loads."""
    if not console.is_terminal:
        yield _PlainProgress(console)
        return
    from rich.live import Live

    with Live(console=console, auto_refresh=False, transient=True) as shown:
        yield lambda rows: shown.update(table(rows), refresh=True)


class _PlainProgress:
    """Progress where the output is no terminal: a line for each new state."""

    def __init__(self, console: "Console") -> None:
        self.console = console
        self.printed: set[tuple[str, str]] = set()

    def __call__(self, rows: Sequence[Row]) -> None:
        for row in rows:
            state = f"{row.state}, notified" if row.is_notified else row.state
            if (row.job_id, state) not in self.printed:
                self.printed.add((row.job_id, state))
                self.console.out(f"  {row.feed:<24}{row.job_id}  {state}")


def table(rows: Sequence[Row]) -> Any:
    """Build a table of loads that fits into 80 columns: feed and job id share a column."""
    from rich.table import Table
    from rich.text import Text

    grid = Table("Feed, job id", "State", "Sent", box=None, padding=(0, 1), pad_edge=False)
    for name in ("Rows", "Rejected", "Seconds"):
        grid.add_column(name, justify="right")
    for row in rows:
        grid.add_row(
            Text.assemble((row.feed, "bold"), "\n", (row.job_id, "dim")),
            Text(row.state, STATE_STYLES.get(row.state, "")),
            "yes" if row.is_notified else "",
            f"{row.counts.rows_read:,}" if row.counts else "",
            f"{row.counts.rows_rejected:,}" if row.counts else "",
            f"{row.seconds:.1f}",
        )
    return grid


def rejections(found: Sequence[Rejection]) -> Any:
    """Build a table of the rows that broke rules."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, padding=(0, 1), pad_edge=False)
    grid.add_column("Row", justify="right")
    grid.add_column("Line", justify="right")
    grid.add_column("Column")
    grid.add_column("What is wrong")
    for rejection in found[:MAX_REJECTIONS_SHOWN]:
        row, line = (f"{number:,}" if number else "" for number in (rejection.row, rejection.line))
        grid.add_row(row, line, rejection.column or "", Text(rejection.message))
    return grid
