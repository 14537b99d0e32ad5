"""Workers are forked from a process that has imported what they need."""

import importlib
import inspect
import subprocess
import sys

from dagster._grpc import server as dagster_server

from alumniq_pipelines.defs.code_server import PRELOADED, ForkingApiServer

PREPARE = """
import importlib, os, sys, threading
before = set(os.listdir("/proc/self/fd"))
for name in sys.argv[1:]:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
opened = {os.readlink(f"/proc/self/fd/{fd}") for fd in set(os.listdir("/proc/self/fd")) - before
          if os.path.lexists(f"/proc/self/fd/{fd}")}
assert not opened, opened
assert "alumniq_pipelines.definitions" not in sys.modules
"""


def test_everything_that_is_imported_ahead_exists() -> None:
    """Python's fork server ignores what it cannot import."""
    for name in PRELOADED:
        importlib.import_module(name)


def test_what_is_imported_ahead_starts_no_thread_and_opens_nothing() -> None:
    """A forked process would share it, or lack it; the field maps are read by each run."""
    subprocess.run([sys.executable, "-c", PREPARE, *PRELOADED], check=True)


def test_workers_are_forked() -> None:
    """Dagster makes its server by this name, and its processes by this context."""
    assert issubclass(ForkingApiServer, dagster_server.DagsterApiServer)
    source = inspect.getsource(dagster_server.DagsterApiServer)
    assert 'self._mp_ctx = multiprocessing.get_context("spawn")' in source
    assert "self._mp_ctx.Process(" in source
