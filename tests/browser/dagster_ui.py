"""A running system with Dagster's UI, after a morning's loads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alumniq_pipelines.cli import programs
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.samples.files import write_sample_files, write_warehouse
from alumniq_pipelines.settings import REPOSITORY
from tests.e2e.stack import CUSTOMER, Stack, free_port, running_stack
from tests.strict_catalog import read_catalog

PEOPLE = 500
BAD_EVERY = 100


@dataclass(frozen=True)
class DagsterUI:
    """The UI's address, the system behind it, and its loads by feed."""

    url: str
    stack: Stack
    loads: dict[str, JobId]
    refused: JobId


@contextmanager
def running_ui(folder: Path) -> Iterator[DagsterUI]:
    """Start the system and its UI, and load every feed once and a broken file after them."""
    with running_stack(folder) as stack:
        url = f"http://127.0.0.1:{free_port()}"
        workspace = str(REPOSITORY / "workspace.yaml")
        port = url.rpartition(":")[2]
        stack.start("webserver", "-m", "dagster_webserver", "-w", workspace, "-p", port)
        loads, refused = _load_samples(stack, folder)
        stack.wait_for("the Dagster UI", lambda: programs._has_loaded(programs._health(url)))
        yield DagsterUI(url, stack, loads, refused)


def _load_samples(stack: Stack, folder: Path) -> tuple[dict[str, JobId], JobId]:
    """Load the sample files in the order of their references; the broken one comes last."""
    samples = folder / "samples"
    samples.mkdir()
    catalog = read_catalog(stack.settings.schemas_dir)
    files = write_sample_files(samples, catalog, PEOPLE)
    broken = samples / "warehouse-broken.csv"
    write_warehouse(broken, catalog.feed("warehouse"), PEOPLE, bad_every=BAD_EVERY)
    now = datetime.now(UTC)
    for feed, path in files.items():
        target = Target(CUSTOMER, Environment.QA, feed)
        stack.ledger.customers.subscribe(Subscription(target), now)
        stack.put(path.name, path.read_text(encoding="utf-8"))
    stack.put(broken.name, broken.read_text(encoding="utf-8"))
    loads = {feed: stack.post(path.name, feed) for feed, path in files.items()}
    for job_id in loads.values():
        assert stack.wait_for_callback(job_id, seconds=120)["status"] == "SUCCESS"
    refused = stack.post(broken.name, "warehouse")
    assert stack.wait_for_callback(refused)["status"] == "FAILED"
    return loads, refused
