"""What a running system of many processes has used so far of the processors."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """The parent of a process, and the processor time that it has used, in clock ticks."""

    parent: int
    ticks: int


def commands(root: int) -> Iterator[str]:
    """Yield the command lines of a process and all its descendants."""
    for pid in descendants(root):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")


def cpu_seconds(root: int) -> float:
    """Return the processor time of a process and all its descendants, including those that ended.

    A process that ended counts with the parent that waited for it.
    """
    found = processes()
    used = sum(found[pid].ticks for pid in _descendants(root, found))
    return used / TICKS_PER_SECOND


def descendants(root: int) -> set[int]:
    """Return the ids of a process and all its descendants."""
    return _descendants(root, processes())


def _descendants(root: int, known: Mapping[int, Process]) -> set[int]:
    found = {root} & known.keys()
    while more := {
        pid for pid, process in known.items() if process.parent in found and pid not in found
    }:
        found |= more
    return found


def processes() -> Mapping[int, Process]:
    """Return the parent and the processor time of all processes, by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name of a program may hold spaces and brackets: what counts follows the last one.
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # utime, stime, and the same of children that were waited for: cutime, cstime.
        found[int(folder.name)] = Process(int(fields[1]), sum(map(int, fields[11:15])))
    return found
