"""The supervisor with real processes: started, restarted, stopped in order, none outlives it."""

import fcntl
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from alumniq_pipelines.cli import programs
from alumniq_pipelines.cli import supervisor as module
from alumniq_pipelines.cli.home import check_ports, exclusive_use
from alumniq_pipelines.cli.supervisor import Program, Supervisor, restart_wait
from alumniq_pipelines.core.problems.setup import AlreadyUp, PortUnusable, ProgramFailed
from alumniq_pipelines.settings import REPOSITORY, Settings

BODY = """
import fcntl, os, pathlib, signal, subprocess, sys
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
alive = (folder / "alive").open()
fcntl.flock(alive, fcntl.LOCK_SH)
def say(what):
    with (folder / "said").open("a") as said:
        print(name, what, file=said)
    print(name, what, flush=True)
def run():
    say("runs")
    # The mark makes the program ready: only now may SIGTERM come, not while it prints.
    (folder / f"{name}.pid").write_text(str(os.getpid()))
    while True:
        signal.pause()
"""
STEADY = BODY + "run()"
STUBBORN = BODY + "signal.signal(signal.SIGTERM, signal.SIG_IGN); run()"
PARENT = (
    BODY + "os.fork() or (signal.signal(signal.SIGTERM, signal.SIG_IGN), signal.pause()); run()"
)
POLITE = BODY + ("signal.signal(signal.SIGTERM, lambda *_: (say('ends'), sys.exit(0)))\nrun()")

LAUNCHER = (
    BODY
    + """
def child():
    signal.signal(signal.SIGTERM, lambda *_: (say("gives its load back"), os._exit(0)))
    (folder / f"{name}.child").touch()
    while True:
        signal.pause()
child_pid = os.fork() or child()
while not (folder / f"{name}.child").exists():
    pass
"""
)
"""Ends at once, and leaves the process of a run behind, as Dagster's code server does."""
PATIENT = LAUNCHER + "signal.signal(signal.SIGTERM, lambda *_: (os.wait(), sys.exit(0)))\nrun()"
"""Waits for the process of a run, as Celery does."""


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "the condition did not come true in time"
        threading.Event().wait(0.02)


class Folder:
    """The folder in which test programs leave files, and the log of a supervisor."""

    def __init__(self, path: Path) -> None:
        """Create the file on which every running program holds a shared lock."""
        self.path = path
        self.lines: list[tuple[str, str]] = []
        (path / "alive").touch()
        (path / "lock").touch()

    def program(self, name: str, body: str) -> Program:
        """Describe a test program; it is ready once it has written its process id."""
        command = [sys.executable, "-S", "-c", body, str(self.path), name]
        return Program(name, command, lambda: self.pid_file(name).exists())

    def pid_file(self, name: str) -> Path:
        """Return the file that a program writes its process id to."""
        return self.path / f"{name}.pid"

    def pid(self, name: str) -> int:
        """Return a program's process id."""
        return int(self.pid_file(name).read_text())

    def write_log(self, name: str, line: str) -> None:
        """Record a line of the log."""
        self.lines.append((name, line))

    def supervisor(self, *stages: list[Program]) -> Supervisor:
        """Return a supervisor of stages."""
        lock = os.open(self.path / "lock", os.O_RDWR)
        return Supervisor(
            stages=stages, environment=dict(os.environ), write_log=self.write_log, lock=lock
        )

    def has_exited(self) -> bool:
        """Whether no program is running; a zombie holds no lock."""
        with (self.path / "alive").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def quick_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 1.0)


def test_programs_are_ready_inside_and_gone_outside(folder: Folder, stop: threading.Event) -> None:
    programs = [folder.program("one", STEADY)], [folder.program("two", STEADY)]
    with folder.supervisor(*programs).running(stop):
        assert folder.pid_file("one").exists()
        assert folder.pid_file("two").exists()
        assert not folder.has_exited()
    assert folder.has_exited()
    assert ("one", "one runs") in folder.lines


def test_a_later_stage_waits_for_the_earlier_and_ends_before_it(
    folder: Folder, stop: threading.Event
) -> None:
    programs = [folder.program("first", POLITE)], [folder.program("second", POLITE)]
    with folder.supervisor(*programs).running(stop):
        pass
    # Not the log: each program's output has a reader of its own there.
    said = (folder.path / "said").read_text().splitlines()
    assert said == ["first runs", "second runs", "second ends", "first ends"]


def test_a_program_that_dies_is_restarted(folder: Folder, stop: threading.Event) -> None:
    supervisor = folder.supervisor([folder.program("one", STEADY)])
    with supervisor.running(stop):
        watcher = threading.Thread(target=supervisor.watch, args=(stop,))
        watcher.start()
        before = folder.pid("one")
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: folder.pid("one") != before)
        stop.set()
        watcher.join()
    assert ("one", "Ended with exit code -9; restarting in 1 s.") in folder.lines
    assert folder.has_exited()


def test_a_program_that_hangs_is_restarted_and_one_that_responds_again_in_time_is_not(
    folder: Folder, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code server waited for a dead worker for ever, and no load began any more."""
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.05)
    monkeypatch.setattr(module, "HANG_SECONDS", 0.5)
    hanging, slow = folder.program("hanging", STEADY), folder.program("slow", STEADY)
    answers = itertools.cycle([False, True])

    def slow_response() -> bool:
        """Respond to every second probe, with longer between the responses than a hang takes."""
        time.sleep(0.4)
        return next(answers)

    supervisor = folder.supervisor(
        [
            replace(hanging, responds=lambda: folder.pid("hanging") != first),
            replace(slow, responds=slow_response),
        ]
    )
    with supervisor.running(stop):
        first, steady = folder.pid("hanging"), folder.pid("slow")
        watcher = threading.Thread(target=supervisor.watch, args=(stop,))
        watcher.start()
        wait_for(lambda: folder.pid("hanging") != first)
        stop.set()
        watcher.join()
        assert folder.pid("slow") == steady
    assert ("hanging", "Has not responded for 0 s; ending it.") in folder.lines


def test_a_code_server_that_does_not_respond_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "CODE_SERVER_RESPONSE_SECONDS", 2.0)
    (tmp_path / "definitions.py").write_text("import dagster; defs = dagster.Definitions()")
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket must be short
        listening = Path(folder) / "code.sock"
        command = ["-m", "dagster", "api", "grpc", "-s", str(listening), "-f", "definitions.py"]
        with subprocess.Popen([sys.executable, *command], cwd=tmp_path) as server:
            try:
                wait_for(lambda: programs.code_server_responds(f"unix:{listening}"), seconds=120)
                server.send_signal(signal.SIGSTOP)
                assert not programs.code_server_responds(f"unix:{listening}")
            finally:
                server.kill()


def test_a_program_that_dies_again_and_again_is_restarted_less_and_less_often() -> None:
    waits = [restart_wait(short_lives) for short_lives in (0, 1, 2, 3, 10, 2_000)]
    assert waits == [0.0, 1.0, 2.0, 4.0, 30.0, 30.0]


def test_a_program_that_ends_before_it_is_ready_fails_the_start_with_its_last_words(
    folder: Folder, stop: threading.Event
) -> None:
    words = "print('no such setting', flush=True); raise SystemExit(3)"
    programs = [folder.program("good", STEADY), folder.program("bad", words)]
    with (
        pytest.raises(ProgramFailed, match="The bad ended with exit code 3"),
        folder.supervisor(programs).running(stop),
    ):
        pytest.fail("it was never ready")
    assert ("bad", "no such setting") in folder.lines
    assert folder.has_exited()


def test_a_program_that_is_never_ready_fails_the_start(
    folder: Folder, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 0.5)
    never = Program("slow", folder.program("slow", STEADY).command, lambda: False)
    with (
        pytest.raises(ProgramFailed, match=r"The slow was not ready within 0\.5 seconds"),
        folder.supervisor([never]).running(stop),
    ):
        pytest.fail("it was never ready")
    assert folder.has_exited()


@pytest.mark.parametrize("body", [LAUNCHER + "run()", PATIENT])
def test_run_workers_may_give_their_loads_back_before_they_are_killed(
    folder: Folder, stop: threading.Event, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(module, "FINISH_SECONDS", 0.2)
    with folder.supervisor([folder.program("one", body)]).running(stop):
        pass
    assert "one gives its load back" in (folder.path / "said").read_text()
    assert folder.has_exited()


@pytest.mark.usefixtures("quick_stop")
def test_a_program_that_does_not_end_is_killed(folder: Folder, stop: threading.Event) -> None:
    with folder.supervisor([folder.program("one", STUBBORN)]).running(stop):
        pass
    assert folder.has_exited()


def test_what_a_program_started_ends_with_it(folder: Folder, stop: threading.Event) -> None:
    with folder.supervisor([folder.program("one", PARENT)]).running(stop):
        pass
    assert folder.has_exited()


def test_a_stop_during_the_start_waits_for_no_program(
    folder: Folder, stop: threading.Event
) -> None:
    never = Program("slow", folder.program("slow", STEADY).command, lambda: False)
    stop.set()
    begun = time.monotonic()
    with folder.supervisor([never]).running(stop):
        pass
    assert time.monotonic() - begun < 10
    assert folder.has_exited()


KILLED = """
import sys, threading
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.integration.test_supervisor import PARENT, STUBBORN, Folder
folder = Folder(Path({folder!r}))
stop = threading.Event()
programs = [folder.program("one", PARENT), folder.program("two", STUBBORN)]
with folder.supervisor(programs).running(stop):
    print("running", flush=True)
    stop.wait()
"""


def test_nothing_outlives_a_killed_supervisor(folder: Folder) -> None:
    script = KILLED.format(root=str(REPOSITORY), folder=str(folder.path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"running\n"
        assert not folder.has_exited()
        killed.kill()
    wait_for(folder.has_exited)


def test_a_data_folder_has_one_system_at_a_time(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "made")
    with exclusive_use(settings), pytest.raises(AlreadyUp, match="made"), exclusive_use(settings):
        pytest.fail("two had it")
    with exclusive_use(settings):
        pass


def test_a_taken_port_is_named_with_the_option_that_chooses_another(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        port = taken.getsockname()[1]
        free = other.getsockname()[1]
        other.close()
        settings = Settings(data_dir=tmp_path, gateway_port=free, dagster_port=port)
        with pytest.raises(PortUnusable, match=f"port {port}: Address already in use") as caught:
            check_ports(settings, programs.ROLES)
    assert f"--dagster-port {port + 1}" in caught.value.advice
