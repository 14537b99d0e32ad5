"""What checking foreign keys costs: a load of degrees with them beside one without, in one run.

    python -m benchmarks.references [--rows 1000000] [--rounds 3]

As many degrees as people are loaded, and so are the people and the code lists that they refer to.
"""

import argparse
import os
import statistics
import sys
import tempfile
from itertools import islice
from pathlib import Path

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load_result import Published
from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.samples.files import write_sample_files
from alumniq_pipelines.settings import REPOSITORY
from benchmarks.loading import DATA
from benchmarks.process_cost import Cost, cost_of
from benchmarks.results import write_section
from tests.integration.loading.installation import Installation
from tests.strict_catalog import read_catalog

DEGREES = "warehouse-degrees"
WITH, WITHOUT = "with its four foreign keys", "without"


def main() -> None:
    """Measure and write the results down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    costs: dict[str, list[Cost]] = {WITHOUT: [], WITH: []}
    with tempfile.TemporaryDirectory(dir=DATA) as name:
        folder = Path(name)
        prepare(folder, arguments.rows)
        for number in range(arguments.rounds):
            for kind, found in costs.items():
                command = [sys.executable, "-m", "benchmarks.references_load", name]
                found.append(cost_of([*command, f"{number}-{kind}", *(["keys"] * (kind == WITH))]))
                print(f"round {number + 1}: {_format_cost(found[-1])}  {kind}", flush=True)
    write_section("References", _section(costs, arguments.rows, arguments.rounds))


def prepare(folder: Path, rows: int) -> None:
    """Write sample files, and load what degrees refer to."""
    catalog = read_catalog(REPOSITORY / "schemas")
    files = write_sample_files(folder, catalog, people=rows)
    with files[DEGREES].open(encoding="utf-8") as all_lines, _degrees(folder).open("w") as output:
        output.writelines(islice(all_lines, rows + 1))
    for feed in ("warehouse", "warehouse-lookups"):
        load(files[feed], folder, catalog.feed(feed), feed)


def load(file: Path, folder: Path, field_map: FieldMap, name: str) -> None:
    """Load a file into the warehouse; none of its rows may have a warning."""
    warehouse = DuckDBWarehouse(folder / "warehouse")
    installation = Installation(folder / name, field_map, warehouse)
    os.link(file, installation.delivered / "iqu.csv")
    result = installation.load()
    if not isinstance(result, Published) or result.check_result.warnings:
        sys.exit("Nothing was published, or there are warnings.")


def load_degrees(folder: Path, name: str, *, has_keys: bool) -> None:
    """Load degrees by their field map, with or without its foreign keys."""
    field_map = read_catalog(REPOSITORY / "schemas").feed(DEGREES)
    schema = field_map.table_schema
    if not has_keys:
        schema = schema.model_copy(update={"foreign_keys": ()})
    update = {"name": f"degrees-{name.partition('-')[0]}{'k' * has_keys}", "table_schema": schema}
    load(_degrees(folder), folder, field_map.model_copy(update=update), name)


def _degrees(folder: Path) -> Path:
    return folder / "degrees.csv"


def _format_cost(cost: Cost) -> str:
    return (
        f"{cost.seconds:.2f} s, {cost.cpu_seconds:.2f} s of processors, "
        f"{cost.peak_bytes / 1e6:.0f} MB"
    )


def _section(costs: dict[str, list[Cost]], rows: int, rounds: int) -> str:
    pairs = list(zip(costs[WITH], costs[WITHOUT], strict=True))
    clock = statistics.median(one.seconds / other.seconds for one, other in pairs)
    cpu = statistics.median(one.cpu_seconds / other.cpu_seconds for one, other in pairs)
    peak = max(cost.peak_bytes for cost in costs[WITH]) / 1e6
    return (
        f"{rows:,} degrees that refer to {rows:,} people and to code lists, loaded into DuckDB "
        f"{WITH} and {WITHOUT}: {clock:.2f} x the time by the clock, {cpu:.2f} x that of "
        f"processors, at most {peak:.0f} MB; medians of {rounds} rounds, each of two loads in "
        f"processes of their own, on {os.cpu_count()} processors with a load average of "
        f"{os.getloadavg()[0]:.1f} at the end."
    )


if __name__ == "__main__":
    with private_umask():
        main()
