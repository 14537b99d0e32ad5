"""The check at the start of a code server or a run worker, also of one that is started bare."""

import sys

from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.start_checks import check_start

EXIT_PROBLEM = 2


def exit_unless_ready() -> None:
    """End this process with one sentence if it must not take part in carrying out runs."""
    try:
        check_start(Settings())
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(EXIT_PROBLEM)
