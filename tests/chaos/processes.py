"""The processes of the system under test: found by command line, killed, stopped and continued."""

import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.process_tree import processes

PARTS = {
    "gateway": "-m webhook_gateway",
    "code server": "-m alumniq_pipelines.defs.code_server",
    "daemon": "alumniq_pipelines.defs.dagster_program daemon",
    "worker": "multiprocessing.forkserver",
}
"""How the command line of each part is recognised; notifications are sent by a sensor in the code
server. Workers have the command line of the process that they are forked from."""


@dataclass
class Processes:
    """The processes of one data folder; `stopped` has the times at which they are to continue."""

    home: Path
    stopped: dict[int, float] = field(default_factory=dict)

    def kill(self, part: str, choice: int) -> bool:
        """Kill one of a part's processes, stopped or not; False if it has none at this time."""
        return self._send(part, choice, signal.SIGKILL) is not None

    def stop(self, part: str, choice: int, seconds: float) -> bool:
        """Stop one of a part's processes for some time; False if it has none that runs."""
        pid = self._send(part, choice, signal.SIGSTOP, besides=self.stopped)
        if pid is not None:
            self.stopped[pid] = time.monotonic() + seconds
        return pid is not None

    def resume(self, *, everything: bool = False) -> None:
        """Continue the processes whose time has come, or all of them."""
        now = time.monotonic()
        for pid, until in list(self.stopped.items()):
            if everything or now >= until:
                if self._is_ours(Path(f"/proc/{pid}"), ""):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
                del self.stopped[pid]

    def _send(
        self, part: str, choice: int, number: signal.Signals, besides: Collection[int] = ()
    ) -> int | None:
        ours = {
            int(process.name)
            for process in Path("/proc").glob("[0-9]*")
            if self._is_ours(process, PARTS[part])
        }
        # A part that runs in several processes, one forked from the other, is the forked ones.
        forked = {
            pid for pid, process in processes().items() if pid in ours and process.parent in ours
        }
        found = (forked if part == "worker" else ours).difference(besides)
        if not found:
            return None
        pid = sorted(found)[choice % len(found)]
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return None
        return pid

    def _is_ours(self, process: Path, command: str) -> bool:
        """Whether a process belongs to this installation, by its environment."""
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (process / "environ").read_bytes()
        except OSError:
            return False
        return command in line and f"ALUMNIQ_DATA_DIR={self.home}\0".encode() in environment
