"""What the profile of a version costs, as a share of the load that computes it.

    python -m benchmarks.profile_cost [--rows 1000000] [--rounds 5]

Both are the time of processors, in the same load: a busy machine disturbs their ratio little.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from alumniq_pipelines.core.loads.load_result import Published
from alumniq_pipelines.files.private_files import private_umask
from benchmarks.loading import DATA, sample
from benchmarks.results import write_section
from benchmarks.whole_load import load

BUDGET = 0.05


def share_of(file: Path) -> tuple[float, float]:
    """Load a file, and return the processor seconds of its profile and of the whole load."""
    seconds = {}

    def record(step: str, fraction: float) -> None:
        seconds[step, fraction] = time.process_time()

    began = time.process_time()
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        result = load(file, Path(folder), progress=record)
    if not isinstance(result, Published):
        message = "The file was not published."
        raise TypeError(message)
    profile = seconds["profile", 1.0] - seconds["profile", 0.0]
    return profile, time.process_time() - began


def main() -> None:
    """Measure, and write the result down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    file = sample(asked.rows, "clean")
    found = []
    for number in range(1, asked.rounds + 1):
        profile, whole = share_of(file)
        found.append(profile / whole)
        print(f"round {number}: {profile:.2f} s of {whole:.2f} s, {found[-1]:.1%}", flush=True)
    share = statistics.median(found)
    write_section(
        "Profile",
        f"The profile of a version of {asked.rows:,} rows takes {share:.1%} of the processor time "
        f"of its load into DuckDB: the median of {asked.rounds} rounds. The budget of this and all "
        f"other diagnoses of a clean file is {BUDGET:.0%}.",
    )


if __name__ == "__main__":
    with private_umask():
        main()
