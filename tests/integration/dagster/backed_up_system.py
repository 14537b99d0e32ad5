"""A system of two customers in a place of its own, of which there can be another elsewhere."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from alumniq_pipelines.adapters.backup_file import create_backup
from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.cli.home import prepare_installation
from alumniq_pipelines.cli.main import app
from alumniq_pipelines.core.feeds.field_map import Threshold
from alumniq_pipelines.core.loads.backup import BackupEntry, BackupWriter, Manifest, WarehouseBackup
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.definitions import build_definitions
from alumniq_pipelines.services.backup import Backup
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.warehouse_wiring import open_warehouse, open_warehouse_backup
from alumniq_pipelines.wiring import open_archive, open_buckets
from tests.integration.dagster.conftest import HEADER, Installation
from tests.integration.dagster.sensor_ticks import tick

FEED, TABLE, FILE = "warehouse-lookups", "warehouse_lookups", "lookups.csv"
CUSTOMERS = ("iqu", "ocu")
ROWS, HELD_ROWS = 100, 5
MAX_WAIT_SECONDS = 300
S3 = {
    "ALUMNIQ_BUCKET": "s3",
    "ALUMNIQ_S3_ACCESS_KEY_ID": "made-up",
    "ALUMNIQ_S3_SECRET_ACCESS_KEY": "made-up",
}


def target_of(customer: str) -> Target:
    """Return the table that the loads of a customer publish to."""
    return Target(customer, Environment.PRODUCTION, FEED)


def content_of(customer: str, mark: str, rows: int = ROWS) -> str:
    """Return a file whose rows all name the customer and a mark; one more is rejected."""
    lines = (f'"unit","{code}","{customer} {mark}","{code}","true"\n' for code in range(rows))
    return HEADER + "".join(lines) + '"unit","bad","Unit","x","true"\n'


@dataclass
class System:
    """Ledger, buckets, archive and warehouse as the settings of a place have them."""

    settings: Settings
    ledger: Ledger
    buckets: Buckets
    installation: Installation
    scratch: Path
    names: dict[str, Load] = field(default_factory=dict)

    def accept(self, name: str, customer: str, webhook: str = "", rows: int = ROWS) -> Load:
        """Deliver a file and accept a load of it, under a file name of its own."""
        file, filename = self.scratch / "delivered.csv", f"{name}.csv"
        file.write_text(content_of(customer, name, rows), encoding="utf-8")
        self.buckets.open(customer).put(f"production/warehouse/{filename}", file)
        request = LoadRequest(
            new_job_id(),
            target_of(customer),
            filename,
            None,
            None,
            notify_email="a@example.org",
            notify_webhook=webhook,
        )
        self.names[name] = self.ledger.loads.accept(request, datetime.now(UTC))
        return self.names[name]

    def execute_requested(self) -> None:
        """Let the sensor request runs, and execute them."""
        for request in tick(self.installation, "load_requests").run_requests or ():
            job_id = request.tags["alumniq/job_id"]
            load = next(load for load in self.unfinished() if load.job_id == job_id)
            self.installation.execute(load, tags=dict(request.tags))

    def drive(self) -> None:
        """Let the sensors work until no load is under way."""
        until = time.monotonic() + MAX_WAIT_SECONDS
        while found := [load for load in self.unfinished() if load.state is not LoadState.HELD]:
            assert time.monotonic() < until, found
            self.installation.reconcile()
            self.execute_requested()

    def unfinished(self) -> Sequence[Load]:
        """Return the loads that have not ended."""
        states = [state for state in LoadState if state not in {"succeeded", "failed"}]
        return self.ledger.loads.find(states=states, limit=10_000)

    def texts(self, customer: str) -> set[str]:
        """Return the distinct texts of a customer's live rows."""
        question = f"select distinct description from {TABLE}"
        _, rows = open_warehouse(self.settings).query(customer, "production", question)
        return {str(text) for (text,) in rows}


@contextmanager
def run_system(settings: Settings, instance: dg.DagsterInstance) -> Iterator[System]:
    """Yield the system of a place that was set up, or restored, already."""
    with closing(Ledger.open(settings.ledger)) as ledger:
        buckets = open_buckets(settings)
        if settings.bucket == "folder":
            buckets = FolderBuckets(settings.buckets_dir, settle_seconds=0)
        for customer in CUSTOMERS:
            instance.add_dynamic_partitions(f"feeds/{TABLE}", [target_of(customer).partition_key])
        definitions = build_definitions(settings, {"buckets": buckets})
        installation = Installation(
            settings,
            ledger,
            FolderBuckets(settings.buckets_dir, settle_seconds=0),
            instance,
            definitions,
        )
        yield System(settings, ledger, buckets, installation, settings.home)


def add_customers(system: System) -> None:
    """Add both customers, with buckets and subscriptions."""
    now = datetime.now(UTC)
    for customer in CUSTOMERS:
        system.ledger.customers.add(Customer(customer, customer.upper(), customer), now)
        # Loads without most of the rows are held, and those that change all of them are not.
        terms = Subscription(target_of(customer), 1, thresholds={"changed": Threshold()})
        system.ledger.customers.subscribe(terms, now)
        system.buckets.create(customer)


def use(monkeypatch: pytest.MonkeyPatch, place: Mapping[str, str]) -> Settings:
    """Make the settings of a place those of this process and of its commands."""
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    return Settings()


def set_up(settings: Settings) -> None:
    """Do what precedes the programs, but for Dagster's tables."""
    if settings.ledger_url:
        with closing(Ledger.open(settings.ledger)) as ledger:
            ledger.migrate()
        settings.home.mkdir(parents=True)
        open_buckets(settings)
        return
    prepare_installation(settings)


def alumniq(*words: str, code: int = 0) -> str:
    """Run a command, and return what it prints."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, f"{words}: {result.output}{result.exception!r}"
    return result.stdout


def alumniq_json(*words: str, code: int = 0) -> Any:
    """Run a command, and return the JSON that it prints."""
    return json.loads(alumniq(*words, "--json", code=code))


def differences(*options: str) -> Sequence[Mapping[str, Any]]:
    """Return what the doctor finds different between the stores."""
    [check] = [
        check
        for check in alumniq_json("doctor", *options)["checks"]
        if check["name"] == "agreement"
    ]
    found: Sequence[Mapping[str, Any]] = check["findings"]
    return found


@dataclass(frozen=True)
class BusyWarehouse:
    """A warehouse into which loads are published after the ledger was copied."""

    stored: WarehouseBackup
    meanwhile: Callable[[], None]

    @property
    def engine(self) -> str:
        """The engine of the warehouse."""
        return self.stored.engine

    def contents(self) -> str:
        """What is in the warehouse."""
        return self.stored.contents()

    def back_up(self, into: BackupWriter) -> Iterator[Version]:
        """Let loads go on, then write the versions."""
        self.meanwhile()
        yield from self.stored.back_up(into)

    def restore(self, entries: Iterator[BackupEntry]) -> None:
        """Restore the versions."""
        self.stored.restore(entries)


def back_up(settings: Settings, file: Path, meanwhile: Callable[[], None]) -> Manifest:
    """Back a place up; `meanwhile` happens after its ledger was copied, before its warehouse."""
    with (
        closing(Ledger.open(settings.ledger)) as ledger,
        create_backup(file, lambda _: None, force=False) as into,
    ):
        return Backup(
            ledger=ledger,
            warehouse=BusyWarehouse(open_warehouse_backup(settings), meanwhile),
            archive=open_archive(settings),
            buckets=open_buckets(settings),
            keys={},
            field_maps=settings.last_good_dir,
            release="0",
            clock=lambda: datetime.now(UTC),
        ).write(into, settings.home)
