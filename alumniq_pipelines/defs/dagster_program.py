"""Dagster's daemon and web server with our logs: `daemon run …` or `webserver …`, as Dagster's own.

Run as a program by `alumniq up`, with the arguments of `dagster-daemon` and `dagster-webserver`.
"""

import sys
import warnings
from contextlib import suppress

from alumniq_pipelines.defs.program_logs import configure_program_logs
from alumniq_pipelines.settings import Settings


def main() -> None:
    """Run the program that the first argument names."""
    configure_program_logs(Settings())
    program = sys.argv.pop(1)
    if program == "webserver":
        from dagster_webserver.cli import main as run_webserver

        run_webserver()  # type: ignore[no-untyped-call]
        return
    with suppress(ImportError):  # only with the extra
        from celery.exceptions import DuplicateTaskNameWarning

        # dagster-celery's launcher makes its tasks anew for each run that it launches.
        warnings.simplefilter("ignore", DuplicateTaskNameWarning)
    from dagster._daemon.cli import main as run_daemon  # has no public name

    run_daemon()


if __name__ == "__main__":
    main()
