"""How long checking and loading take beside a bare DuckDB load of the same file, in one run.

    python -m benchmarks.loading [--rows 100000 1000000] [--rounds 3]

Files of the warehouse feed are made up once and kept in `benchmarks/data/`. In each round
everything runs once, each in a process of its own, and its time is put in relation to the bare load
of the round, for machines are shared and uneven. What is shown are medians over the rounds.
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
        f"Ratios of wall time to the bare load of the same round, medians of {arguments.rounds} "
        f"rounds, {datetime.now(UTC):%Y-%m-%d}; memory of the whole process tree at its peak.\n"
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
            told = f"{cost.seconds:7.2f} s {cost.peak_bytes / 1e6:6.0f} MB"
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
    bare = [cost.seconds for cost in costs[BARE, "clean"]]
    lines = [
        f"| | {' | '.join(KINDS)} | memory, MB |",
        f"|---|{'---|' * len(KINDS)}---|",
        f"| {BARE}: {statistics.median(bare):.2f} s | 1.0 | | | {_memory(costs, BARE)} |",
    ]
    for what in (CHECK, LOAD):
        ratios = [
            statistics.median(
                cost.seconds / yardstick
                for cost, yardstick in zip(costs[what, kind], bare, strict=True)
            )
            for kind in KINDS
        ]
        cells = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(f"| {what} | {cells} | {_memory(costs, what)} |")
    return "\n".join(lines) + "\n"


def _memory(costs: Costs, what: str) -> str:
    """Tell the span of memory over kinds and rounds."""
    peaks = [
        cost.peak_bytes / 1e6 for (each, _), all_ in costs.items() if each == what for cost in all_
    ]
    return f"{min(peaks):.0f} to {max(peaks):.0f}"


if __name__ == "__main__":
    main()
