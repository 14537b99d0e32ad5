"""How long checking and loading take beside a bare DuckDB load of the same file, in one run.

    python -m benchmarks.loading [--rows 100000 1000000] [--rounds 3]

Files of the warehouse feed are made up once and kept in `benchmarks/data/`. In each round
everything runs once, each in a process of its own, and its time is put in relation to the bare load
of the round, for machines are shared and uneven. What is shown are medians over the rounds, by the
clock and, in brackets, by the time of processors, which neighbours disturb less.
"""

import argparse
import hashlib
import inspect
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.samples import files as sample_files
from alumniq_pipelines.samples import planting, recipes, words
from alumniq_pipelines.samples.files import write_warehouse
from alumniq_pipelines.settings import REPOSITORY
from benchmarks.process_cost import Cost, cost_of
from benchmarks.results import write_section

DATA = REPOSITORY / "benchmarks" / "data"
BUCKET_FOLDER = DATA / "buckets" / "bench" / "qa" / "warehouse"
KINDS = {"clean": None, "1 % bad": 100, "50 % bad": 2}
BARE = "bare DuckDB load (checks nothing)"
CHECK = "`alumniq check --json`"
LOAD = "whole load into DuckDB"

Costs = Mapping[tuple[str, str], Sequence[Cost]]
"""By what was run and on which kind of file; one cost per round."""


def main() -> None:
    """Measure and write the results down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    tables = []
    for rows in arguments.rows:
        paths = {kind: sample(rows, every) for kind, every in KINDS.items()}
        costs = measure(paths, arguments.rounds)
        size = paths["clean"].stat().st_size / 1e6
        tables.append(f"### {rows:,} rows, {size:,.0f} MB\n\n{table(costs)}")
        print(f"\n{tables[-1]}")
    told = (
        f"Time in relation to the bare load of the same round, by the clock (and of processors): "
        f"medians of {arguments.rounds} rounds, {datetime.now(UTC):%Y-%m-%d}. "
        "Memory is that of all processes at their peak.\n"
    )
    write_section("Loading", "\n".join([told, *tables]))


def sample(rows: int, every: int | None) -> Path:
    """Answer a file of so many rows, made anew where what makes it has changed."""
    makers = (sample_files, planting, recipes, words)
    made_by = hashlib.sha256("".join(map(inspect.getsource, makers)).encode()).hexdigest()[:8]
    path = BUCKET_FOLDER / f"warehouse-{rows}-{every or 'clean'}-{made_by}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        field_map = read_field_map(REPOSITORY / "schemas" / "warehouse.yaml")
        write_warehouse(part, field_map, rows, bad_every=every)
        part.replace(path)
    return path


def measure(paths: Mapping[str, Path], rounds: int) -> Costs:
    """Run everything once per round, and tell of it."""
    costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    for number in range(1, rounds + 1):
        for what, kind, command in commands(paths):
            with tempfile.TemporaryDirectory(dir=DATA) as scratch:
                full = [each.replace("SCRATCH", scratch) for each in command]
                rejects = what == CHECK and kind != "clean"
                cost = cost_of(full, accepted_code=1 if rejects else 0)
            costs[what, kind].append(cost)
            told = (
                f"{cost.seconds:7.2f} s {cost.cpu_seconds:7.2f} s of processors "
                f"{cost.peak_bytes / 1e6:6.0f} MB"
            )
            print(f"round {number}: {told}  {what}, {kind}", flush=True)
    return costs


def commands(paths: Mapping[str, Path]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """List what runs in a round: what it is, on which kind of file, and its command."""
    python = [sys.executable, "-m"]
    alumniq = str(Path(sys.executable).with_name("alumniq"))
    bare = [*python, "benchmarks.bare_load", str(paths["clean"]), "SCRATCH/bare.duckdb"]
    yield BARE, "clean", bare
    for kind, path in paths.items():
        yield CHECK, kind, [alumniq, "check", str(path), "--feed", "warehouse", "--json"]
        yield LOAD, kind, [*python, "benchmarks.whole_load", str(path), "SCRATCH"]


def table(costs: Costs) -> str:
    """Put costs into a Markdown table."""
    bare = costs[BARE, "clean"]
    seconds = statistics.median(each.seconds for each in bare)
    lines = [
        f"| | {' | '.join(KINDS)} | memory, MB |",
        f"|---|{'---|' * len(KINDS)}---|",
        f"| {BARE}: {seconds:.2f} s | 1.0 | | | {_memory(costs, BARE)} |",
    ]
    for what in (CHECK, LOAD):
        cells = " | ".join(_ratios(costs[what, kind], bare) for kind in KINDS)
        lines.append(f"| {what} | {cells} | {_memory(costs, what)} |")
    return "\n".join(lines) + "\n"


def _ratios(costs: Sequence[Cost], bare: Sequence[Cost]) -> str:
    """Relate costs to the bare loads of their rounds."""
    pairs = list(zip(costs, bare, strict=True))
    clock = statistics.median(each.seconds / yardstick.seconds for each, yardstick in pairs)
    cpu = statistics.median(each.cpu_seconds / yardstick.cpu_seconds for each, yardstick in pairs)
    return f"{clock:.2f} ({cpu:.2f})"


def _memory(costs: Costs, what: str) -> str:
    """Tell the span of memory over kinds and rounds."""
    peaks = [
        cost.peak_bytes / 1e6 for (each, _), all_ in costs.items() if each == what for cost in all_
    ]
    return f"{min(peaks):.0f} to {max(peaks):.0f}"


if __name__ == "__main__":
    main()
