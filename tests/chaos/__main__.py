"""`make chaos MINUTES=5`: random failures for that long; the summary is on the last line."""

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import run_chaos


def main() -> int:
    """Run it; exits with 1 if a promise was broken, and then leaves the data folder there."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000))
    parser.add_argument("--ledger-url", default="", help="An empty PostgreSQL database.")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="alumniq-chaos-"))
    sys.stdout.write(f"Seed {options.seed}, data in {folder}\n")
    sys.stdout.flush()
    summary = run_chaos(folder, options.minutes * 60, options.seed, ledger_url=options.ledger_url)
    if not summary.breaches:
        shutil.rmtree(folder)
    sys.stdout.write("\n".join([*summary.breaches, summary.line]) + "\n")
    return 1 if summary.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
