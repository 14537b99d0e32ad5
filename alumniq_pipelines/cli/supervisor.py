"""The supervisor: starts programs, restarts those that die or hang, and leaves nothing running.

All programs and their child processes form one process group, led by a guard (process_guard.py) and
separate from the terminal's: Ctrl-C reaches only the supervisor, which then stops them in order.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from alumniq_pipelines.cli import process_guard
from alumniq_pipelines.core.problems.setup import ProgramFailed
from alumniq_pipelines.files.private_files import UMASK

START_SECONDS = 120.0
STOP_SECONDS = 25.0
"""Longer than the gateway takes to finish the requests it has accepted."""
FINISH_SECONDS = 10.0
"""How long a program may finish what it does, before its own child processes are stopped, too."""
GIVE_BACK_SECONDS = 10.0
"""How long run workers may take to give back the loads that they work on."""
STABLE_SECONDS = 60.0
"""A program that ran this long is restarted at once, others after a wait that doubles."""
MAX_WAIT_SECONDS = 30.0
POLL_SECONDS = 0.1
PROBE_SECONDS = 15.0
HANG_SECONDS = 180.0
"""A program that does not respond for so long hangs; an overloaded machine may take 2 minutes."""

LogWriter = Callable[[str, str], None]
"""Called with the name of a program and a line: its output, or our message about it."""


@dataclass(frozen=True)
class Program:
    """One program: its command, the check that it is ready, and a later check that it responds."""

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool]
    responds: Callable[[], bool] | None = None


@dataclass(kw_only=True)
class ManagedProcess:
    """A program and its current process."""

    program: Program
    group: int
    process: subprocess.Popen[str]
    reader: threading.Thread
    started_at: float
    unresponsive_since: float | None = None
    ended_at: float | None = None
    short_lives: int = 0


def restart_wait(short_lives: int) -> float:
    """Return the seconds to wait before a restart; they double with each short life in a row."""
    return min(2.0 ** min(short_lives, 10) / 2, MAX_WAIT_SECONDS) if short_lives else 0.0


@dataclass(kw_only=True)
class Supervisor:
    """Runs stages of programs: a stage starts once all programs of the earlier ones are ready."""

    stages: Sequence[Sequence[Program]]
    environment: Mapping[str, str]
    write_log: LogWriter
    lock: int
    """The descriptor of a locked file. The guard inherits it: locked until all processes end."""
    children: list[ManagedProcess] = field(default_factory=list)

    @contextmanager
    def running(self, stop: threading.Event) -> Iterator[None]:
        """Run all programs: ready on entry, ended on exit; `stop` cancels waiting for readiness.

        Raises ProgramFailed if a program ends or is not ready in time.
        """
        leader = subprocess.Popen(
            [sys.executable, "-I", "-S", process_guard.__file__],
            stdin=subprocess.PIPE,
            process_group=0,
            pass_fds=[self.lock],
            umask=UMASK,
        )
        try:
            for stage in self.stages:
                if not stop.is_set():
                    self._start_stage(stage, leader.pid, stop)
            yield
        finally:
            self._stop(leader)

    def watch(self, stop: threading.Event) -> None:
        """Restart programs that die or hang, until `stop` is set."""
        threading.Thread(target=self._kill_hanging, args=(stop,), daemon=True).start()
        while not stop.wait(POLL_SECONDS):
            for child in self.children:
                code, now = child.process.poll(), time.monotonic()
                if code is None:
                    continue
                if child.ended_at is None:
                    is_short = now - child.started_at <= STABLE_SECONDS
                    child.short_lives = child.short_lives + 1 if is_short else 0
                    child.ended_at = now
                    wait = restart_wait(child.short_lives)
                    line = f"Ended with exit code {code}; restarting in {wait:.0f} s."
                    self.write_log(child.program.name, line)
                elif now >= child.ended_at + restart_wait(child.short_lives):
                    fresh = self._start_program(child.program, child.group)
                    child.process, child.reader = fresh.process, fresh.reader
                    child.started_at, child.ended_at = fresh.started_at, None
                    child.unresponsive_since = None

    def _kill_hanging(self, stop: threading.Event) -> None:
        """Kill programs that do not respond any more, so that they are restarted.

        The time counts from the first probe without a response, not from the last response: probes
        of an overloaded machine may be minutes apart, and one of them proves no hang.
        """
        while not stop.wait(PROBE_SECONDS):
            for child in self.children:
                if child.program.responds is None or child.ended_at is not None:
                    continue
                process = child.process
                responds, now = child.program.responds(), time.monotonic()
                child.unresponsive_since = None if responds else child.unresponsive_since or now
                if child.unresponsive_since and now - child.unresponsive_since > HANG_SECONDS:
                    line = f"Has not responded for {HANG_SECONDS:.0f} s; ending it."
                    self.write_log(child.program.name, line)
                    process.kill()

    def _start_stage(self, stage: Sequence[Program], group: int, stop: threading.Event) -> None:
        begun = [self._start_program(program, group) for program in stage]
        self.children += begun
        until = time.monotonic() + START_SECONDS
        waiting = list(begun)
        while waiting and not stop.wait(POLL_SECONDS):
            for child in waiting:
                code = child.process.poll()
                if code is not None:
                    # Its last lines say why it ended: they are printed before the problem.
                    child.reader.join(STOP_SECONDS)
                    raise ProgramFailed(child.program.name, f"ended with exit code {code}")
            waiting = [child for child in waiting if not child.program.is_ready()]
            if waiting and time.monotonic() > until:
                reason = f"was not ready within {START_SECONDS:g} seconds"
                raise ProgramFailed(waiting[0].program.name, reason)

    def _start_program(self, program: Program, group: int) -> ManagedProcess:
        process = subprocess.Popen(
            program.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=group,
            umask=UMASK,
        )
        reader = threading.Thread(target=self._read, args=(program.name, process), daemon=True)
        reader.start()
        return ManagedProcess(
            program=program,
            group=group,
            process=process,
            reader=reader,
            started_at=time.monotonic(),
        )

    def _read(self, name: str, process: subprocess.Popen[str]) -> None:
        """Forward a program's output until the program and all its children have closed it."""
        with process.stdout or nullcontext(()) as lines:
            for line in lines:
                self.write_log(name, line.rstrip("\n"))

    def _stop(self, leader: subprocess.Popen[bytes]) -> None:
        """End the programs, last stage first, then the whole group, and wait until all are gone."""
        until = time.monotonic() + STOP_SECONDS
        for stage in reversed(self.stages):
            ending = [child.process for child in self.children if child.program in stage]
            for process in ending:
                process.terminate()
            finished_by = time.monotonic() + FINISH_SECONDS
            if stage is self.stages[-1] and not _have_ended(ending, finished_by):
                # A worker waits for its runs, which are child processes: they give loads back.
                os.killpg(leader.pid, signal.SIGTERM)
            for process in ending:
                try:
                    process.wait(max(0.0, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        # Their own children, such as run workers, are in the group, too, with their output open.
        os.killpg(leader.pid, signal.SIGTERM)
        given_back_by = time.monotonic() + GIVE_BACK_SECONDS
        for child in self.children:
            child.reader.join(max(0.0, given_back_by - time.monotonic()))
        with leader:
            os.killpg(leader.pid, signal.SIGKILL)
        for child in self.children:
            child.process.wait()
            child.reader.join()


def _have_ended(processes: Sequence[subprocess.Popen[str]], until: float) -> bool:
    """Wait until all processes have ended or the time has come; return whether they have."""
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
    return True


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, SIGTERM or a closed terminal sets.

    A second signal ends the process at once; the guard then ends the rest.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: object) -> None:
        del frame
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    # SIGINT is handled even if it was ignored, as shells do for background jobs: child processes
    # inherit an ignored signal but not a handler, and Dagster's programs do on SIGTERM what they do
    # on SIGINT. SIGHUP stays ignored under nohup.
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
