"""Run a program as a run's worker: forked from a process that has imported what it needs.

    python -m benchmarks.forked MODULE ARGUMENT...

It prints the seconds from the fork to the end, those of processors, and the resident memory at its
peak, as JSON.
"""

import importlib
import json
import os
import sys
import time
from dataclasses import asdict

from alumniq_pipelines.defs.code_server import PRELOADED
from benchmarks.process_cost import Cost


def main() -> None:
    """Import, then measure the program's `main` in a child."""
    sys.argv = sys.argv[1:]
    for name in PRELOADED:
        importlib.import_module(name)
    program = importlib.import_module(sys.argv[0])
    started = time.perf_counter()
    child = os.fork()
    if not child:
        program.main()
        sys.stdout.flush()
        os._exit(0)  # as the fork server's processes do
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    cost = Cost(seconds, used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss)
    print(json.dumps(asdict(cost)))
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
