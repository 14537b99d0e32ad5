"""How long checking and loading take beside bare loads of the same file, in one run.

    python -m benchmarks.loading [--rows 100000 1000000 5000000] [--rounds 3]

Files of the warehouse feed are generated once, in `benchmarks/data/`. In each round
everything runs once, each in a process of its own, and its time is put in relation to the bare load
of the round, for machines are shared and uneven. What is shown are medians over the rounds, by the
clock and, in brackets, by the time of processors, which neighbours disturb less.

Most programs are started anew. A run's worker is not: it is forked from a process that has imported
what it needs, so a load and the bare load are also measured without their imports.
"""

import argparse
import gzip
import hashlib
import inspect
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from alumniq_pipelines.adapters.field_maps import read_field_map
from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.samples import files as sample_files
from alumniq_pipelines.samples import planting, recipes, words
from alumniq_pipelines.samples.files import write_warehouse
from alumniq_pipelines.settings import REPOSITORY
from benchmarks.chart import chart
from benchmarks.process_cost import Cost, cost_of
from benchmarks.results import PAGE, write_section
from tests.servers.postgres import PostgresServer, run_server

DATA = REPOSITORY / "benchmarks" / "data"
BUCKET_FOLDER = DATA / "buckets" / "bench" / "qa" / "warehouse"
CHART = PAGE.with_name("loading.svg")
KINDS = {"clean": None, "clean, gzip": None, "1 % bad": 100, "50 % bad": 2}
BARE = "bare DuckDB load (checks nothing)"
COPY = "bare `COPY` into PostgreSQL (checks nothing)"
CHECK = "`alumniq check --json`"
LOAD = "whole load into DuckDB"
FORKED = "benchmarks.forked"
BARE_FORKED = "bare DuckDB load, forked as a run's worker is"
LOAD_FORKED = "whole load into DuckDB, forked, beside the forked bare load"
LOAD_REFUSED = "the same, refused: no row may break a rule"
LOAD_POSTGRES = "whole load into PostgreSQL"
BARE_FILE = "SCRATCH/bare.duckdb"
POSTGRES_BUDGETS = {1_000_000: 1.2}
"""Of a clean load into PostgreSQL beside both bare loads together, by rows."""
BUDGETS = {1_000_000: (1.4, 1.5, 1.8, 1.7), 100_000: (1.6, None, 2.0, 2.5)}
"""Of a whole load into DuckDB, by the clock beside the bare load: by rows, in KINDS' order."""

Costs = Mapping[tuple[str, str], Sequence[Cost]]
"""By what was run and on which kind of file; one cost per round."""


def main() -> None:
    """Measure and write the results down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 5_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    tables = []
    # Not in the data folder: its path may be too long for a socket, and closed to other users.
    home = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        with run_server(home) as server:
            for rows in arguments.rows:
                paths = {kind: sample(rows, kind) for kind in KINDS}
                costs = measure(paths, arguments.rounds, server)
                size = paths["clean"].stat().st_size / 1e6
                tables.append(f"### {rows:,} rows, {size:,.0f} MB\n\n{table(costs, rows)}")
                print(f"\n{tables[-1]}")
    finally:
        shutil.rmtree(home)
    CHART.write_text(chart(f"{rows:,} rows: time beside a bare DuckDB load", bars(costs)), "utf-8")
    load = " ".join(f"{average:.1f}" for average in os.getloadavg())
    summary = (
        f"Time in relation to the bare load of the same round, by the clock (and of processors): "
        f"medians of {arguments.rounds} rounds, {datetime.now(UTC):%Y-%m-%d}, on "
        f"{os.cpu_count()} processors with a load average of {load} at the end. Memory is that of "
        "all processes at their peak; neither it nor the time of processors includes the server "
        f"of PostgreSQL.\n\n![Time beside a bare DuckDB load]({CHART.name})\n"
    )
    write_section("Loading", "\n".join([summary, *tables]))


def sample(rows: int, kind: str) -> Path:
    """Return a file of so many rows, generated again if its generator has changed."""
    every = KINDS[kind]
    makers = (sample_files, planting, recipes, words)
    made_by = hashlib.sha256("".join(map(inspect.getsource, makers)).encode()).hexdigest()[:8]
    path = BUCKET_FOLDER / f"warehouse-{rows}-{every or 'clean'}-{made_by}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        field_map = read_field_map(REPOSITORY / "schemas" / "warehouse.yaml")
        write_warehouse(part, field_map, rows, bad_every=every)
        part.replace(path)
    return _gzip(path) if "gzip" in kind else path


def measure(paths: Mapping[str, Path], rounds: int, server: PostgresServer) -> Costs:
    """Run everything once per round, and print each cost."""
    costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    for number in range(1, rounds + 1):
        for what, kind, command in commands(paths):
            database = server.create()
            with tempfile.TemporaryDirectory(dir=DATA) as scratch:
                substitutions = {
                    "SCRATCH": scratch,
                    "URL": server.url(database),
                    BARE_FILE: f"{scratch}/bare.duckdb",
                }
                full = [substitutions.get(word, word) for word in command]
                rejects = what == CHECK and "bad" in kind
                cost = (
                    _cost_of_forked(full)
                    if FORKED in full
                    else cost_of(full, accepted_code=int(rejects))
                )
            server.drop(database)
            costs[what, kind].append(cost)
            summary = (
                f"{cost.seconds:7.2f} s {cost.cpu_seconds:7.2f} s of processors "
                f"{cost.peak_bytes / 1e6:6.0f} MB"
            )
            print(f"round {number}: {summary}  {what}, {kind}", flush=True)
    return costs


def _cost_of_forked(command: Sequence[str]) -> Cost:
    """Return what the fork's parent measured, once it had imported everything."""
    with tempfile.TemporaryFile() as output:
        cost_of(command, output=output)
        output.seek(0)
        return Cost(**json.loads(output.read().splitlines()[-1]))


def commands(paths: Mapping[str, Path]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """List what runs in a round: what it is, on which kind of file, and its command."""
    python = [sys.executable, "-m"]
    alumniq = str(Path(sys.executable).with_name("alumniq"))
    yield BARE, "clean", [*python, "benchmarks.bare_load", str(paths["clean"]), BARE_FILE]
    forked = [*python, FORKED, "benchmarks.bare_load", str(paths["clean"]), BARE_FILE]
    yield BARE_FORKED, "clean", forked
    yield COPY, "clean", [*python, "benchmarks.bare_copy", str(paths["clean"]), "URL"]
    for kind, path in paths.items():
        yield CHECK, kind, [alumniq, "check", str(path), "--feed", "warehouse", "--json"]
        whole = [*python, "benchmarks.whole_load", str(path), "SCRATCH"]
        yield LOAD, kind, whole
        if "bad" in kind:
            yield LOAD_REFUSED, kind, [*whole, "--refuse"]
        yield LOAD_FORKED, kind, [*python, FORKED, *whole[2:]]
        yield LOAD_POSTGRES, kind, [*whole, "URL"]


def table(costs: Costs, rows: int) -> str:
    """Format costs as a Markdown table."""
    bare = costs[BARE, "clean"]
    seconds = statistics.median(cost.seconds for cost in bare)
    lines = [
        f"| | {' | '.join(KINDS)} | memory, MB |",
        f"|---|{'---|' * len(KINDS)}---|",
        f"| {BARE}: {seconds:.2f} s | 1.0 | | | | {_memory(costs, BARE)} |",
        f"| {COPY} | {_ratios(costs[COPY, 'clean'], bare)} | | | | {_memory(costs, COPY)} |",
    ]
    for what in (CHECK, LOAD, LOAD_FORKED, LOAD_REFUSED, LOAD_POSTGRES):
        yardstick = costs[BARE_FORKED, "clean"] if what == LOAD_FORKED else bare
        cells = " | ".join(_ratios(costs.get((what, kind), ()), yardstick) for kind in KINDS)
        lines.append(f"| {what} | {cells} | {_memory(costs, what)} |")
        if what == LOAD and rows in BUDGETS:
            cells = " | ".join(f"{budget or ''}" for budget in BUDGETS[rows])
            lines.append(f"| its budget, by the clock | {cells} | |")
    both = [
        one.seconds + other.seconds for one, other in zip(bare, costs[COPY, "clean"], strict=True)
    ]
    loads = costs[LOAD_POSTGRES, "clean"]
    ratio = statistics.median(
        load.seconds / seconds for load, seconds in zip(loads, both, strict=True)
    )
    budget = f"; the budget is {POSTGRES_BUDGETS[rows]} x" if rows in POSTGRES_BUDGETS else ""
    sentence = f"The clean load into PostgreSQL takes {ratio:.2f} x both bare loads together"
    return "\n".join(lines) + f"\n\n{sentence}{budget}.\n"


def bars(costs: Costs) -> Mapping[str, Mapping[str, float]]:
    """Choose what the chart shows."""
    bare = costs[BARE, "clean"]
    groups: dict[str, dict[str, float]] = {BARE: {"clean": 1.0}}
    for (what, kind), found in costs.items():
        if what not in {BARE, BARE_FORKED, LOAD_FORKED, LOAD_REFUSED}:
            groups.setdefault(what.replace("`", ""), {})[kind] = _ratio(found, bare)
    return groups


def _gzip(path: Path) -> Path:
    """Return the file as gzip, made if it does not exist."""
    packed = path.with_suffix(".csv.gz")
    if not packed.exists():
        part = path.with_suffix(".part")
        with path.open("rb") as plain, gzip.open(part, "wb", compresslevel=6) as into:
            shutil.copyfileobj(plain, into)
        part.replace(packed)
    return packed


def _ratio(costs: Sequence[Cost], bare: Sequence[Cost]) -> float:
    """Relate the time of costs to the bare loads of their rounds."""
    pairs = zip(costs, bare, strict=True)
    return statistics.median(cost.seconds / yardstick.seconds for cost, yardstick in pairs)


def _ratios(costs: Sequence[Cost], bare: Sequence[Cost]) -> str:
    """Relate costs to the bare loads of their rounds; nothing where nothing was measured."""
    if not costs:
        return ""
    pairs = zip(costs, bare, strict=True)
    cpu = statistics.median(cost.cpu_seconds / yardstick.cpu_seconds for cost, yardstick in pairs)
    return f"{_ratio(costs, bare):.2f} ({cpu:.2f})"


def _memory(costs: Costs, what: str) -> str:
    """Format the range of memory over kinds and rounds."""
    peaks = [
        cost.peak_bytes / 1e6 for (task, _), all_ in costs.items() if task == what for cost in all_
    ]
    return f"{min(peaks):.0f} to {max(peaks):.0f}"


if __name__ == "__main__":
    with private_umask():
        main()
