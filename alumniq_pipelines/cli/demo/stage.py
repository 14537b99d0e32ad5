"""The demo's data: an empty folder, a customer with a key, and made-up files."""

import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from alumniq_pipelines.adapters.data_folder import DEMO_FILES, DEMO_MARK, LOCK
from alumniq_pipelines.core.loads.bucket import object_key
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.setup import NotADemoFolder
from alumniq_pipelines.files.private_files import make_folder
from alumniq_pipelines.settings import Settings

if TYPE_CHECKING:
    from alumniq_pipelines.adapters.ledger.ledger import Ledger
    from alumniq_pipelines.samples.planting import PlantedFault

CUSTOMER = Customer("iqu", "IQ University", "alumniq-iqu")
ENVIRONMENT = Environment.QA
BROKEN = "warehouse-broken.csv"
BROKEN_ROWS = 5
"""Rows of the broken file that break a rule, each a different one."""


@dataclass(frozen=True, kw_only=True)
class DemoData:
    """The data of the demo: the key, the files by feed, and a broken file for `warehouse`."""

    key: str
    files: Mapping[str, Path]
    broken: Path
    planted: "Sequence[PlantedFault]"


def demo_settings(folder: Path) -> Settings:
    """Return settings of the embedded profile on free ports, whatever the environment says."""
    with ExitStack() as open_sockets:  # both open at once, or the second might get the same port
        gateway_port, dagster_port = (
            open_sockets.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for _ in range(2)
        )
    home = folder.resolve()
    return Settings(
        data_dir=home,
        ledger_url=f"sqlite:///{home / 'ledger.db'}",
        bucket="folder",
        warehouse="duckdb",
        warehouse_group="",
        mail="folder",
        staff_email="staff@alumniq.example",
        callback_allowed_networks=("127.0.0.0/8",),
        gateway_host="127.0.0.1",
        gateway_port=gateway_port,
        dagster_host="127.0.0.1",
        dagster_port=dagster_port,
        public_url=f"http://127.0.0.1:{gateway_port}",
        # A blank, since its programs ignore an empty variable, and would find that of a .env file.
        qa_public_url=" ",
    )


def clear(settings: Settings) -> None:
    """Empty the demo's folder, which the caller has locked; raises NotADemoFolder for another."""
    found = [path for path in settings.home.iterdir() if path.name != LOCK]
    if found and not (settings.home / DEMO_MARK).exists():
        raise NotADemoFolder(str(settings.home))
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != DEMO_MARK:
            path.unlink()
    (settings.home / DEMO_MARK).touch()


def set_up(settings: Settings, ledger: "Ledger", people: int) -> DemoData:
    """Create the customer, its bucket, its key and its files."""
    from alumniq_pipelines.cli.installation import catalog_of
    from alumniq_pipelines.samples.files import write_sample_files, write_warehouse
    from alumniq_pipelines.wiring import open_buckets

    now = datetime.now(UTC)
    catalog = catalog_of(settings)
    folder = settings.home / DEMO_FILES
    make_folder(folder)
    files = write_sample_files(folder, catalog, people)
    feed = catalog.feed("warehouse")
    planted = write_warehouse(folder / BROKEN, feed, people, bad_every=people // BROKEN_ROWS)
    open_buckets(settings).create(CUSTOMER.bucket)
    ledger.customers.add(CUSTOMER, now)
    for name in files:
        ledger.customers.subscribe(Subscription(Target(CUSTOMER.id, ENVIRONMENT, name)), now)
    key, _ = ledger.keys.issue(CUSTOMER.id, ENVIRONMENT, now)
    return DemoData(key=key, files=files, broken=folder / BROKEN, planted=planted)


def put(settings: Settings, path: Path) -> None:
    """Upload a file to the customer's bucket."""
    from alumniq_pipelines.wiring import open_buckets

    bucket = open_buckets(settings).open(CUSTOMER.bucket)
    bucket.put(object_key(ENVIRONMENT, path.name), path)
