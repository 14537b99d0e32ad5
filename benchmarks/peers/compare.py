"""How long a load takes beside what a user would pick instead, on the same file and rules.

    python -m benchmarks.peers.compare [--rows 1000000] [--rounds 3] [--only NAME ...] [--add]

Each program reads a file of the warehouse feed as text, checks the rules by which a row of it is
rejected, puts the accepted rows into a table of DuckDB, and writes the rejected rows with their
reasons into a CSV. In each round everything runs once, each in a process of its own, and its time
is put in relation to the bare load of the round. With `--only`, the others stay in the table as
they were measured before; with `--add`, so do earlier rounds of the same programs. `make
bench-peers` installs the packages of the peers.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

from pydantic import TypeAdapter

from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.samples.planting import list_planted
from alumniq_pipelines.settings import REPOSITORY
from benchmarks.loading import BARE, DATA, KINDS, LOAD, sample
from benchmarks.peers.comparison import MAX_SECONDS, Run, table
from benchmarks.peers.findings import Findings
from benchmarks.process_cost import Cost, cost_of
from benchmarks.results import write_section

PEERS_PYTHON = str(REPOSITORY / ".venv-peers" / "bin" / "python")
LOCK = Path(__file__).with_name("requirements.txt")
RUNS = DATA / "peers.json"
"""What was measured so far, so that a comparison of an hour can be made in pieces."""
FILES = [kind for kind in KINDS if "gzip" not in kind]
SLOW_ROWS = 100_000
"""Rows for those that take minutes with more; they run once."""
OURS = "alumniq"
NOTES = (
    "Faults and rows are those of all files of a line. Only the whole load also checks the file's "
    "structure strictly, and e-mail addresses and countries; it compares with the live rows, "
    "archives the file, and its report tells the sender the line and the remedy of each fault.\n\n"
    "Without the few lines that the programs add, the peers would find less or reject more: the "
    "readers of pandas and polars fill up short lines with blanks without a word, so Arrow reads "
    "the file; a unique column of pandera on polars, of dataframely and of Great Expectations "
    "rejects the first row of a value too; dlt's contract drops rows without a reason."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that is compared; its label has a gap for the version of each package."""

    module: str
    label: str
    packages: Sequence[str] = ()
    is_slow: bool = False


PROGRAMS: Mapping[str, Program] = {
    OURS: Program(module="benchmarks.whole_load", label=f"**{LOAD}**"),
    "sql": Program(
        module="benchmarks.peers.sql", label="hand-written SQL, DuckDB {}", packages=["duckdb"]
    ),
    "pandera-pandas": Program(
        module="benchmarks.peers.pandera_pandas",
        label="pandera {} on pandas {}",
        packages=["pandera", "pandas"],
    ),
    "pandera-polars": Program(
        module="benchmarks.peers.pandera_polars",
        label="pandera {} on polars {}",
        packages=["pandera", "polars"],
    ),
    "dataframely": Program(
        module="benchmarks.peers.dataframely_polars",
        label="dataframely {} on polars {}",
        packages=["dataframely", "polars"],
    ),
    "great-expectations": Program(
        module="benchmarks.peers.great_expectations_pandas",
        label="Great Expectations {} on pandas {}",
        packages=["great-expectations", "pandas"],
    ),
    "dlt": Program(
        module="benchmarks.peers.dlt_pydantic",
        label="dlt {} with pydantic {}",
        packages=["dlt", "pydantic"],
        is_slow=True,
    ),
    "frictionless": Program(
        module="benchmarks.peers.frictionless_rows",
        label="frictionless {}",
        packages=["frictionless"],
        is_slow=True,
    ),
}
"""By the name that `--only` takes."""

STORED = TypeAdapter(list[Run])


def main() -> None:
    """Measure and write the results down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--add", action="store_true")
    arguments = parser.parse_args()
    runs = STORED.validate_json(RUNS.read_bytes()) if RUNS.exists() else []
    fast = [name for name in arguments.only if not PROGRAMS[name].is_slow]
    slow = [name for name in arguments.only if PROGRAMS[name].is_slow]
    # A whole load runs beside the slow ones too, as one more yardstick.
    beside = [OURS] if slow and arguments.rows != SLOW_ROWS else []
    for rows, rounds, names in (
        (arguments.rows, arguments.rounds, fast),
        (SLOW_ROWS, 1, [*beside, *slow]),
    ):
        if not arguments.add:
            runs = [run for run in runs if run.rows != rows or run.program not in names]
        for run in measure(rows, rounds, names):
            runs.append(run)
            RUNS.write_bytes(STORED.dump_json(runs))
    write_results(runs, sorted({arguments.rows, SLOW_ROWS}, reverse=True))


def measure(rows: int, rounds: int, names: Sequence[str]) -> Iterator[Run]:
    """Run programs once per round and kind of file; yield and print each run."""
    if not names:
        return
    paths = {kind: sample(rows, kind) for kind in FILES}
    for number in range(1, rounds + 1):
        bare, _ = _run([sys.executable, "-m", "benchmarks.bare_load", str(paths["clean"])], "/bare")
        print(f"round {number}: {_summary(bare)}  {BARE}, {rows:,} rows", flush=True)
        for name, (kind, path) in product(names, paths.items()):
            python = sys.executable if name == OURS else PEERS_PYTHON
            command = [python, "-m", PROGRAMS[name].module, str(path)]
            cost, findings = None, None
            try:
                cost, printed = _run(command, max_seconds=MAX_SECONDS)
                findings = Findings.from_json(printed)
            except subprocess.TimeoutExpired:
                pass  # shown as such
            print(f"round {number}: {_summary(cost)}  {name}, {rows:,} rows, {kind}", flush=True)
            yield Run(program=name, rows=rows, kind=kind, bare=bare, cost=cost, findings=findings)


def write_results(runs: Sequence[Run], sizes: Sequence[int]) -> None:
    """Write the tables of all sizes of which there are runs."""
    pins = re.findall(r"^([\w-]+)(?:\[.*?\])?==(\S+)", LOCK.read_text("utf-8"), re.MULTILINE)
    versions = dict(pins)
    labels = {
        name: program.label.format(*(versions[package] for package in program.packages))
        for name, program in PROGRAMS.items()
    }
    tables = []
    for rows in sizes:
        of_size = [run for run in runs if run.rows == rows]
        if of_size:
            planted = {
                kind: Counter(fault.code for fault in list_planted(rows, every))
                if (every := KINDS[kind])
                else Counter[str]()
                for kind in FILES
            }
            rounds = max(Counter((run.program, run.kind) for run in of_size).values())
            heading = f"### {rows:,} rows, {rounds} {'round' if rounds == 1 else 'rounds'}"
            tables.append(f"{heading}\n\n{table(of_size, labels, planted)}")
            print(f"\n{tables[-1]}")
    load = " ".join(f"{average:.1f}" for average in os.getloadavg())
    summary = (
        "What a user would pick instead, with the same file and the same rules, as programs that "
        "anybody can run again (`make bench-peers`): they read the file as text, put the accepted "
        "rows into a table of DuckDB, and write the rejected rows with their reasons into a CSV. "
        "Time in relation to the bare load of the same round, by the clock (and of processors), "
        f"{datetime.now(UTC):%Y-%m-%d}, on {os.cpu_count()} processors with a load average of "
        f"{load} at the end. Memory is that of all processes at their peak. A run is ended after "
        f"{MAX_SECONDS} seconds.\n"
    )
    write_section("Peers", "\n\n".join([summary, *tables, NOTES]))


def _run(
    command: Sequence[str], file: str = "", max_seconds: float | None = None
) -> tuple[Cost, bytes]:
    """Run a command with a scratch folder, or a file of it; return what it printed too."""
    with tempfile.TemporaryDirectory(dir=DATA) as scratch, tempfile.TemporaryFile() as output:
        cost = cost_of([*command, scratch + file], output=output, max_seconds=max_seconds)
        output.seek(0)
        return cost, output.read()


def _summary(cost: Cost | None) -> str:
    if cost is None:
        return f"ended after {MAX_SECONDS} s"
    return (
        f"{cost.seconds:7.2f} s {cost.cpu_seconds:7.2f} s of processors "
        f"{cost.peak_bytes / 1e6:6.0f} MB"
    )


if __name__ == "__main__":
    with private_umask():
        main()
