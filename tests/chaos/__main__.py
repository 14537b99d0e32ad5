"""`make chaos MINUTES=5`: random strikes for that long; the summary is on the last line."""

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Weather, run_chaos

ERASE_LINE = "\r\x1b[K"


def main() -> int:
    """Run it; exits with 1 if a promise was broken, and then leaves the data folder there."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000))
    parser.add_argument(
        "--postgres", action="store_true", help="Ledger and warehouse in PostgreSQL, not in files."
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="alumniq-chaos-"))
    # The path of a socket must be short, and its folder belongs to the server's user.
    sockets = Path(tempfile.mkdtemp(prefix="postgres-")) if options.postgres else None
    sys.stdout.write(f"Seed {options.seed}, data in {folder}\n")
    sys.stdout.flush()
    weather = Weather(seconds=options.minutes * 60)
    try:
        summary = run_chaos(folder, weather, options.seed, sockets=sockets, progress=show_progress)
    finally:
        if sockets:
            shutil.rmtree(sockets)
    show_progress("")
    if not summary.breaches:
        shutil.rmtree(folder)
    sys.stdout.write("\n".join([*summary.breaches, f"Strikes: {summary.tally}", summary.line]))
    sys.stdout.write("\n")
    return 1 if summary.breaches else 0


def show_progress(line: str) -> None:
    """Show a line in place of the one before it, on a terminal only."""
    if sys.stdout.isatty():
        sys.stdout.write(ERASE_LINE + line)
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
