"""How long loads take from request to callback, and what they cost, beside a bare Dagster project.

In each round both systems run once, one after the other and never at the same time, each started on
an empty folder; which one is first alternates. What is compared are the medians of all rounds, and
the median of the ratios of each round. It needs a quiet machine.

    python -m benchmarks.e2e [--rounds 5] [--quick] [--json]
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from alumniq_pipelines.files.private_files import private_umask
from benchmarks.e2e_systems import RunningSystem, bare_project, our_system
from benchmarks.results import write_section

DAEMON_LOOP_SECONDS = 5
SETTLE_SECONDS = 15
"""After the first loads, before idling is measured: what follows a load is over by then."""

SYSTEMS: Mapping[str, Callable[[Path], AbstractContextManager[RunningSystem]]] = {
    "bare": bare_project,
    "ours": our_system,
}

SECTION_TEMPLATE = """\
Small loads of 200 rows beside those of a bare Dagster project with the same `dagster.yaml`, which
checks nothing (`benchmarks/e2e_yardstick.py`): medians of {rounds} rounds, {date}, on {cpus}
processors with a load average of {load} at the end. The ratio is the median of the rounds' ratios.

{table}
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is measured in a round."""

    singles: int
    loads: int
    idle_seconds: float


FULL = Plan(singles=7, loads=40, idle_seconds=60)
QUICK = Plan(singles=2, loads=8, idle_seconds=10)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one round measured of one system."""

    single: float
    many_tables: float
    few_tables: float
    cpu_per_load: float
    events_per_run: float
    idle: float


@dataclass(frozen=True, slots=True)
class Row:
    """A figure's row in the table: its name, how many decimals it has, and its budget."""

    name: str
    decimals: int
    budget: str = ""


ROWS = {
    "single": Row("one load, from request to callback, seconds", 2, "ratio 0.66"),
    "many_tables": Row("{loads} loads at once of as many tables, seconds", 1, "ratio 1.00"),
    "few_tables": Row("{loads} loads at once of 4 tables, seconds", 1, "ratio 1.00"),
    "cpu_per_load": Row("the same of as many tables, seconds of processors a load", 2),
    "events_per_run": Row("events a run in Dagster's log", 0),
    "idle": Row("idle, cores", 3, "ours 0.15"),
}


def measure(system: RunningSystem, plan: Plan, report: Callable[[str], None]) -> Figures:
    """Measure a system that has just started."""
    report("first load")
    system.load([0])
    singles = []
    for number in range(plan.singles):
        report(f"single load {number + 1} of {plan.singles}")
        # Else every load would meet the daemon's loop at the same point.
        time.sleep(random.uniform(1, 1 + DAEMON_LOOP_SECONDS))  # noqa: S311 - no secret
        singles.append(system.load([0]))
    report("idle")
    idle = _idle_cores(system, plan.idle_seconds)
    report(f"{plan.loads} loads of as many tables")
    before = system.cpu_seconds()
    many_tables = system.load(range(plan.loads))
    cpu = system.cpu_seconds() - before
    report(f"{plan.loads} loads of 4 tables")
    few_tables = system.load([number % 4 for number in range(plan.loads)])
    return Figures(
        single=statistics.median(singles),
        many_tables=many_tables,
        few_tables=few_tables,
        cpu_per_load=cpu / plan.loads,
        events_per_run=_events_per_run(system.dagster_home),
        idle=idle,
    )


def _idle_cores(system: RunningSystem, seconds: float) -> float:
    """Return how many processors a system uses that has nothing to do."""
    time.sleep(SETTLE_SECONDS)
    started, before = time.perf_counter(), system.cpu_seconds()
    time.sleep(seconds)
    return (system.cpu_seconds() - before) / (time.perf_counter() - started)


def _events_per_run(home: Path) -> float:
    """Return the median number of events that Dagster stored of a run."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = [record.dagster_run.run_id for record in instance.get_run_records()]
        return statistics.median(len(instance.all_logs(run)) for run in runs)


def measure_round(number: int, plan: Plan) -> Mapping[str, Figures]:
    """Run both systems, one after the other."""
    figures = {}
    names = list(SYSTEMS) if number % 2 else list(SYSTEMS)[::-1]
    for name in names:

        def report(what: str, name: str = name) -> None:
            _print_progress(f"round {number}, {name}: {what} ...")

        report("start")
        with (
            tempfile.TemporaryDirectory(prefix="e2e-") as folder,
            SYSTEMS[name](Path(folder)) as system,
        ):
            figures[name] = measure(system, plan, report)
        _print_progress("")
        summary = ", ".join(f"{key} {value:.2f}" for key, value in asdict(figures[name]).items())
        print(f"round {number}, {name}: {summary}", file=sys.stderr, flush=True)
    return figures


def _print_progress(text: str) -> None:
    """Overwrite the last line with what is being done; a log gets a line for each."""
    if sys.stderr.isatty():
        print(f"\r{text:<78}\r", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def compare(rounds: Sequence[Mapping[str, Figures]]) -> Mapping[str, Mapping[str, float]]:
    """Return the medians of both systems by figure, and of the rounds' ratios."""
    found = {}
    for figure in (field.name for field in fields(Figures)):
        values = {name: [getattr(figures[name], figure) for figures in rounds] for name in SYSTEMS}
        ratios = [ours / bare for bare, ours in zip(values["bare"], values["ours"], strict=True)]
        medians = {name: statistics.median(of_system) for name, of_system in values.items()}
        found[figure] = {**medians, "ratio": statistics.median(ratios)}
    return found


def format_table(compared: Mapping[str, Mapping[str, float]], plan: Plan) -> str:
    """Return the comparison as a table."""
    lines = ["| | bare | ours | ratio | budget |", "|---|---|---|---|---|"]
    for figure, row in ROWS.items():
        found, name = compared[figure], row.name.format(loads=plan.loads)
        values = f"{found['bare']:.{row.decimals}f} | {found['ours']:.{row.decimals}f}"
        lines.append(f"| {name} | {values} | {found['ratio']:.2f} | {row.budget} |")
    return "\n".join(lines)


def main() -> None:
    """Measure in rounds, print the comparison, and write it down unless it was quick."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.e2e")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one small round, to try it out")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args()
    plan, count = (QUICK, 1) if chosen.quick else (FULL, chosen.rounds)
    rounds = [measure_round(number, plan) for number in range(1, count + 1)]
    compared = compare(rounds)
    table = format_table(compared, plan)
    if chosen.json:
        every = [{name: asdict(of_one) for name, of_one in figures.items()} for figures in rounds]
        print(json.dumps({"medians": compared, "rounds": every}, indent=2))
    else:
        print(table)
    if not chosen.quick:
        load = " ".join(f"{average:.1f}" for average in os.getloadavg())
        section = SECTION_TEMPLATE.format(
            rounds=count,
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            cpus=os.cpu_count(),
            load=load,
            table=table,
        )
        write_section("End to end", section)


if __name__ == "__main__":
    with private_umask():
        main()
