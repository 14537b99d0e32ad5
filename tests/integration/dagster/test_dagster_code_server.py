"""Workers are forked from a process that has imported what they need."""

import importlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._grpc.client import DagsterGrpcClient

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.home import exclusive_use
from alumniq_pipelines.cli.programs import CODE_SERVER, programs, programs_environment
from alumniq_pipelines.cli.supervisor import Supervisor
from alumniq_pipelines.defs.code_server import PRELOADED
from alumniq_pipelines.defs.tags import PARTITION
from alumniq_pipelines.settings import Settings
from benchmarks.process_tree import processes
from tests.integration.dagster.conftest import TARGET, Installation
from tests.integration.dagster.sensor_ticks import a_run_of

PREPARE = """
import gc, importlib, os, sys, threading
before = set(os.listdir("/proc/self/fd"))
for name in sys.argv[1:]:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
opened = {os.readlink(f"/proc/self/fd/{fd}") for fd in set(os.listdir("/proc/self/fd")) - before
          if os.path.lexists(f"/proc/self/fd/{fd}")}
assert not opened, opened
assert "alumniq_pipelines.definitions" not in sys.modules
assert gc.get_freeze_count() > 100_000 > len(gc.get_objects())
"""


@pytest.fixture
def instance(settings: Settings, ledger: Ledger) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance that other processes can open, too."""
    assert ledger  # makes the data folder
    settings.dagster_home.mkdir()
    configuration = settings.dagster_home / "dagster.yaml"
    configuration.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as opened:
        yield opened


def test_everything_that_is_imported_ahead_exists() -> None:
    """Python's fork server ignores what it cannot import."""
    for name in PRELOADED:
        importlib.import_module(name)


def test_what_is_imported_ahead_starts_no_thread_and_opens_nothing() -> None:
    """A forked process would share it, or lack it; the field maps are read by each run."""
    subprocess.run([sys.executable, "-c", PREPARE, *PRELOADED], check=True)


def test_a_worker_is_forked_from_a_process_that_has_imported_what_it_needs(
    installation: Installation,
) -> None:
    ledger, settings = installation.ledger, installation.settings
    load = installation.accept()
    assert ledger.queue.request(load, datetime.now(UTC))
    partition = {PARTITION: TARGET.partition_key}
    run_id = a_run_of(installation, load, DagsterRunStatus.NOT_STARTED, **partition)
    run = installation.instance.get_run_by_id(run_id)
    assert run
    with (
        exclusive_use(settings) as lock,
        tempfile.TemporaryDirectory() as folder,  # the path of a socket must be short
    ):
        stages = programs(settings, Path(folder), now=0)
        [server] = [program for stage in stages for program in stage if program.name == CODE_SERVER]
        supervisor = Supervisor(
            stages=[[server]],
            environment=programs_environment(settings),
            write_log=lambda name, line: logging.getLogger(name).info("%s", line),
            lock=lock,
        )
        # The worker cannot begin its attempt while another process writes: it can be looked at.
        with supervisor.running(threading.Event()), ledger.database.writing():
            client = DagsterGrpcClient(socket=str(Path(folder) / "code.sock"))
            dg.DefaultRunLauncher.launch_run_from_grpc_client(installation.instance, run, client)
            known, parent = processes(), supervisor.children[0].process.pid
            prepared = {pid for pid, process in known.items() if process.parent == parent}
            [worker] = [pid for pid, process in known.items() if process.parent in prepared]
            libraries = Path(f"/proc/{known[worker].parent}/maps").read_text(encoding="utf-8")
            assert "duckdb" in libraries
            os.kill(worker, signal.SIGKILL)  # the code server would wait for it
