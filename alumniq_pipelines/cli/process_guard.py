"""The guard: leads the process group of the supervisor's programs, and ends it with the supervisor.

The supervisor starts it by path in a bare interpreter, before all other programs. Its stdin is a
pipe that only the supervisor holds open. However the supervisor ends, even by `kill -9`, the pipe
closes, and the guard ends every process of the group, including run workers.
"""

import os
import signal
import time

GRACE_SECONDS = 5


def main() -> None:
    """Wait until stdin closes, then end the group by SIGTERM and, after a while, SIGKILL."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
