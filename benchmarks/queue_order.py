"""Whether order, priority and fairness hold while 10,000 loads of 2,000 customers are worked off.

Without Dagster; each choice of the ledger is compared with that of a model, so most of the time is
the model's.

    python -m benchmarks.queue_order [--loads 10000] [--seed 12]
"""

import argparse
import random
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.target import Environment, Target
from tests.queue_simulation import QueueSimulation

CUSTOMERS = 2_000
TABLES = (
    (Environment.PRODUCTION, "warehouse"),
    (Environment.PRODUCTION, "warehouse-degrees"),
    (Environment.PRODUCTION, "warehouse-lookups"),
    (Environment.QA, "warehouse"),
    (Environment.QA, "warehouse-degrees"),
)


def main() -> int:
    """Simulate once, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=12)
    options = parser.parse_args()
    targets = [
        Target(f"university-{number:04}", environment, feed)
        for number in range(CUSTOMERS)
        for environment, feed in TABLES
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Ledger.open(f"sqlite:///{Path(folder) / 'ledger.db'}")) as ledger,
    ):
        ledger.migrate()
        simulation = QueueSimulation(
            ledger=ledger,
            now=datetime.now(UTC),
            chance=random.Random(options.seed),  # noqa: S311
        )
        simulation.accept(targets, options.loads)
        started, cpu = time.perf_counter(), time.process_time()
        simulation.run()
        simulation.check_ended()
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    tally = ", ".join(f"{count:,} {event}" for event, count in sorted(simulation.counts.items()))
    print(f"{options.loads:,} loads in order in {wall:.0f} s ({cpu:.0f} s of CPU): {tally}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
