"""The guard: leads the process group of a supervisor's programs, and ends it when that is gone.

Started by path in a bare interpreter, before all others. Its stdin is a pipe that only the
supervisor holds open: however that ends, also by `kill -9`, the pipe ends with it, and the guard
ends every process of the group, run workers included.
"""

import os
import signal
import time

GRACE_SECONDS = 5


def main() -> None:
    """Wait for the end of stdin, then end the group: politely, then for certain."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
