"""A run in a process of its own, which fault points may kill."""

import multiprocessing
import os
import tempfile
from pathlib import Path

import dagster as dg

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.definitions import build_definitions
from alumniq_pipelines.fault_points import ONCE, POINTS, RECORDS, FaultPoint
from alumniq_pipelines.settings import Settings
from tests.integration.dagster.conftest import Installation

MAX_WAIT_SECONDS = 120
PROCESSES = multiprocessing.get_context("forkserver")
"""Workers are forked from a fresh process that has imported all they need, not from the test's."""
PROCESSES.set_forkserver_preload(
    ["tests.integration.dagster.worker_process", "alumniq_pipelines.defs.step", "pandas"]
)


def run_until_killed(
    installation: Installation, job_id: JobId, tags: dict[str, str], point: FaultPoint
) -> None:
    """Execute a requested run in a process that dies at this point; fail if it does not."""
    home = installation.instance.root_directory
    records = Path(tempfile.mkdtemp(dir=home))
    worker = PROCESSES.Process(
        target=_work,
        args=(installation.settings, home, job_id, tags, f"{point}:{ONCE}", str(records)),
    )
    worker.start()
    worker.join(MAX_WAIT_SECONDS)
    worker.kill()
    assert [record.name.partition(".")[0] for record in records.iterdir()] == [point]


def _work(
    settings: Settings,
    dagster_home: str,
    job_id: JobId,
    tags: dict[str, str],
    points: str,
    records: str,
) -> None:
    """Execute a run of a load, as Dagster would, with fault points switched on."""
    os.environ[POINTS], os.environ[RECORDS] = points, records
    ledger = Ledger.open(settings.ledger)
    buckets = FolderBuckets(settings.buckets_dir, settle_seconds=0)
    definitions = build_definitions(settings, {"buckets": buckets})
    with dg.DagsterInstance.from_config(dagster_home) as instance:
        installation = Installation(settings, ledger, buckets, instance, definitions)
        installation.execute(ledger.loads.get(job_id), tags=tags)
