"""What a running system of many processes has used so far of the processors."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    ticks: int


def commands(root: int) -> Iterator[str]:
    """Yield the command lines of a process and all its descendants."""
    for pid in _descendants(root, _processes()):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")


def cpu_seconds(root: int) -> float:
    """Return the processor time of a process and all its descendants, including those that ended.

    A process that ended counts with the parent that waited for it.
    """
    processes = _processes()
    used = sum(processes[pid].ticks for pid in _descendants(root, processes))
    return used / TICKS_PER_SECOND


def _descendants(root: int, processes: Mapping[int, _Process]) -> set[int]:
    found = {root} & processes.keys()
    while more := {
        pid for pid, process in processes.items() if process.parent in found and pid not in found
    }:
        found |= more
    return found


def _processes() -> Mapping[int, _Process]:
    """Read the parent and the processor time of all processes."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name of a program may hold spaces and brackets: what counts follows the last one.
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # utime, stime, and the same of children that were waited for: cutime, cstime.
        found[int(folder.name)] = _Process(int(fields[1]), sum(map(int, fields[11:15])))
    return found
