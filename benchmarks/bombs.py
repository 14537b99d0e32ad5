"""What it costs `alumniq check` to refuse files that are made to exhaust it.

    python -m benchmarks.bombs

Each file is made, checked by a process of its own and removed. Exits with 1 where one is accepted,
or where refusing it took more than 1 GiB of memory, 1 GiB of scratch or 60 seconds.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bomb_files import BOMBS, ENTRIES, PACKED
from benchmarks.process_cost import SAMPLE_SECONDS, MemoryWatch

GIB = 1 << 30
MAX_SECONDS = 60.0
BLOCK_BYTES = 512
"""The unit in which the operating system counts the disk space of a file."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a check went: its codes, none where the file was accepted, and its cost."""

    codes: tuple[str, ...]
    seconds: float
    memory_bytes: int
    scratch_bytes: int

    @property
    def is_within_limits(self) -> bool:
        """Whether the file was refused, and cheaply."""
        is_cheap = max(self.memory_bytes, self.scratch_bytes) <= GIB
        return bool(self.codes) and is_cheap and self.seconds <= MAX_SECONDS


class ScratchWatch(threading.Thread):
    """Samples the disk space of a folder."""

    def __init__(self, folder: Path) -> None:
        """Watch a folder."""
        super().__init__(daemon=True)
        self.folder = folder
        self.peak_bytes = 0
        self.ended = threading.Event()

    def run(self) -> None:
        """Keep the highest sum."""
        while not self.ended.wait(SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, sum(_bytes_on_disk(self.folder)))


def measure_check(file: Path, scratch: Path) -> Refusal:
    """Check a file as `alumniq check` does, and measure it."""
    command = [str(Path(sys.executable).with_name("alumniq")), "check", str(file)]
    started = time.perf_counter()
    with subprocess.Popen(
        [*command, "--feed", "warehouse", "--json"],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
        start_new_session=True,
    ) as process:
        watches = (MemoryWatch(process.pid), ScratchWatch(scratch))
        for watch in watches:
            watch.start()
        output, _ = process.communicate()
        seconds = time.perf_counter() - started
        for watch in watches:
            watch.ended.set()
            watch.join()
    memory, space = watches
    result = json.loads(output)
    is_refused = result["outcome"] == "unusable"
    return Refusal(
        codes=tuple(error["code"] for error in result["errors"]) if is_refused else (),
        seconds=seconds,
        memory_bytes=memory.peak_bytes,
        scratch_bytes=space.peak_bytes,
    )


def main() -> None:
    """Make every file, check it and print the cost."""
    print(
        f"{'file':<22}{'bytes':>15}  {'seconds':>8}{'memory MiB':>12}{'scratch MiB':>13}  refused"
    )
    failed = False
    with tempfile.TemporaryDirectory(prefix="alumniq-bombs-") as name:
        for kind, make in BOMBS.items():
            folder = Path(name)
            file, scratch = folder / "bomb", folder / "scratch"
            scratch.mkdir(exist_ok=True)
            make(file, _size(kind))
            found = measure_check(file, scratch)
            failed = failed or not found.is_within_limits
            codes = ", ".join(found.codes) or "NO: it was accepted"
            print(
                f"{kind:<22}{file.stat().st_size:>15,}  {found.seconds:>8.1f}"
                f"{found.memory_bytes / 2**20:>12,.0f}{found.scratch_bytes / 2**20:>13,.0f}"
                f"  {codes}"
                f"{'' if found.is_within_limits else '  <-- over a limit'}",
                flush=True,
            )
            file.unlink()
    sys.exit(failed)


def _size(kind: str) -> int:
    if kind == ENTRIES:
        return 3_000_000
    return 10 * GIB if kind in PACKED else GIB


def _bytes_on_disk(folder: Path) -> Iterator[int]:
    """Yield the disk space of each file below a folder; files may appear and vanish meanwhile."""
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                yield Path(parent, name).lstat().st_blocks * BLOCK_BYTES
            except FileNotFoundError:
                continue


if __name__ == "__main__":
    main()
