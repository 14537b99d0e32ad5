"""A system whose ledger is backed up, lost and restored; loads are run without Dagster."""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from alumniq_pipelines.adapters.archive import FolderArchive
from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.adapters.warehouse.postgres.numbers import conninfo_of
from alumniq_pipelines.adapters.warehouse.postgres.warehouse import PostgresWarehouse
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.archive import HELD
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.ledger_difference import RecordedRun
from alumniq_pipelines.core.loads.load import JobId, Load, LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.core.problems.api import BeingPublished
from alumniq_pipelines.services.attempt import attempt, record_publication
from alumniq_pipelines.services.attempt_outcome import AttemptCompleted
from alumniq_pipelines.services.ledger_check import LedgerCheck
from alumniq_pipelines.services.load_actions import approve, cancel, discard, end_due_holds
from alumniq_pipelines.services.load_context import LoadContext
from tests.accepted_rows import small_field_map
from tests.servers.postgres import PostgresServer
from webhook_gateway.services.load_numbers import LoadNumberCheck

TARGET = Target("iqu", Environment.QA, "members")
FIELD_MAP = small_field_map("members")
PUBLIC_URLS = PublicUrls.shared("https://feeds.example.org")
ROWS, HELD_ROWS = 20, 5
KEPT = 10
PAIRS = [("sqlite", "duckdb"), ("postgresql", "postgres")]


def add_customer(url: str) -> None:
    """Create a ledger with a customer."""
    with closing(Ledger.open(url)) as ledger:
        ledger.migrate()
        added_at = datetime(2026, 11, 25, 2, tzinfo=UTC)
        ledger.customers.add(Customer("iqu", "Inter-Quad University", "iqu"), added_at)


def request_of(name: str) -> LoadRequest:
    """Return the request of a load, as the gateway would accept it."""
    return LoadRequest(
        new_job_id(), TARGET, f"{name}.csv", None, None, notify_email="a@example.org"
    )


@dataclass
class SqliteStore:
    """A ledger in a file, and copies of it."""

    folder: Path
    path: Path = field(init=False)

    def __post_init__(self) -> None:
        self.path = self.folder / "ledger.db"

    @property
    def url(self) -> str:
        """The ledger's URL."""
        return f"sqlite:///{self.path}"

    def back_up(self) -> None:
        """Copy it while it may be open, as docs/restoring.md says."""
        with (
            closing(sqlite3.connect(self.path)) as source,
            closing(sqlite3.connect(self.folder / "backup.db")) as copy,
        ):
            source.backup(copy)

    def restore(self) -> None:
        """Lose the ledger with what SQLite keeps beside it, and put the copy in its place."""
        for leftover in self.folder.glob("ledger.db*"):
            leftover.unlink()
        shutil.copy(self.folder / "backup.db", self.path)


@dataclass
class PostgresStore:
    """A ledger in a database, and copies of it."""

    server: PostgresServer
    database: str
    backup: str = ""

    @property
    def url(self) -> str:
        """The ledger's URL."""
        return self.server.url(self.database)

    def back_up(self) -> None:
        """Clone the database."""
        self.backup = self.server.create(self.database)

    def restore(self) -> None:
        """Lose the database, and go on with the copy."""
        self.server.drop(self.database)
        self.database = self.backup


@dataclass
class System:
    """Ledger, bucket, archive and warehouse of one customer, and verbs for what happens to them.

    Loads have names of a letter. `published` has what the warehouse published, in order.
    """

    folder: Path
    store: SqliteStore | PostgresStore
    warehouse: DuckDBWarehouse | PostgresWarehouse
    names: dict[str, JobId] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    published: dict[str, Version] = field(default_factory=dict)
    unrecorded: dict[str, tuple[Load, AttemptCompleted]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    runs: list[RecordedRun] = field(default_factory=list)
    now: datetime = datetime(2026, 11, 25, 3, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.ledger = Ledger.open(self.store.url)
        self.buckets = FolderBuckets(self.folder / "buckets", settle_seconds=0)
        self.buckets.create("iqu")
        self.archive = FolderArchive(self.folder / "archive")

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    def clock(self) -> datetime:
        """Return the time, a second later than the last one."""
        self.now += timedelta(seconds=1)
        return self.now

    def play(self, script: str) -> None:
        """Do what the words say, such as `load a, accept b, gateway`."""
        for step in filter(None, script.split(", ")):
            verb, *names = step.split()
            verbs: dict[str, Callable[..., None]] = {
                "accept": self.accept,
                "run": self.run,
                "publish": self.publish,
                "record": self.record,
                "load": self.load,
                "hold": self.hold,
                "unusual": self.accept_unusual,
                "repeat": self.repeat,
                "approve": self.approve,
                "rollback": self.roll_back,
                "forget": self.forget_version,
                "holds": self.end_due_holds,
                "cancel": self.cancel,
                "discard": self.discard,
                "lose-rows": self.lose_held_rows,
                "gateway": self.start_gateway,
                "repair": self.repair,
            }
            verbs[verb](*names)

    def accept(self, name: str, content: str = "") -> None:
        """Deliver a file and accept a load of it."""
        self.contents[name] = content or _content(len(self.contents) + 1, ROWS)
        path = self.buckets.open("iqu").root / "qa" / "warehouse" / f"{name}.csv"
        path.write_text(self.contents[name], encoding="utf-8")
        self.names[name] = self.ledger.loads.accept(request_of(name), self.clock()).job_id

    def run(self, name: str) -> None:
        """Request a run of a load, and let it make its attempts until none is left to make."""
        self.publish(name)
        self.record(name)

    def publish(self, name: str) -> None:
        """Run a load, but record no publication."""
        load = self.ledger.loads.get(self.names[name])
        assert load is not None
        launch = self.ledger.queue.request(load, self.clock())
        run = RecordedRun(job_id=load.job_id, target=str(TARGET), requested_at=self.now)
        self.runs.insert(0, run)
        assert launch is not None, f"{name} is not the first in line"
        context = self._context()
        for _ in range(2):
            outcome = attempt(load, launch, f"run of {name}", FIELD_MAP, context)
            if isinstance(outcome, AttemptCompleted) and outcome.is_publication:
                self.unrecorded[name] = (load, outcome)
                live = self.warehouse.live(TARGET)
                assert live is not None
                if live.job_id == load.job_id:
                    self.published[name] = live
            if getattr(outcome, "is_retryable", False):
                continue
            return

    def record(self, name: str) -> None:
        """Record the publication of a load, if it made one."""
        if name in self.unrecorded:
            record_publication(*self.unrecorded.pop(name), self._context())

    def load(self, name: str) -> None:
        """Accept a load and run it."""
        self.accept(name)
        self.run(name)

    def hold(self, name: str) -> None:
        """Load a file without most of its rows."""
        self.accept_unusual(name)
        self.run(name)

    def accept_unusual(self, name: str) -> None:
        """Accept a load of a file without most of its rows."""
        self.accept(name, _content(len(self.contents) + 1, HELD_ROWS))

    def repeat(self, name: str, earlier: str) -> None:
        """Load the file of an earlier load again."""
        self.accept(name, self.contents[earlier])
        self.run(name)

    def approve(self, name: str) -> None:
        """Approve a held load and run it."""
        approve(self.ledger, self.names[name], "As announced.", "pat", self.clock())
        self.run(name)

    def end_due_holds(self) -> None:
        """End the holds that are due, as monitoring does."""
        end_due_holds(self.ledger, self.clock(), public_urls=PUBLIC_URLS)

    def cancel(self, name: str) -> None:
        """Cancel a load that is published already, which is refused."""
        with pytest.raises(BeingPublished):
            cancel(self.ledger, self.names[name], "pat", self.clock(), public_urls=PUBLIC_URLS)

    def discard(self, name: str) -> None:
        """Discard a held load that is published already, which is refused."""
        job_id, now = self.names[name], self.clock()
        with pytest.raises(BeingPublished):
            discard(self.ledger, job_id, "Wrong.", "pat", now, public_urls=PUBLIC_URLS)

    def lose_held_rows(self) -> None:
        """Delete the held rows, as is done once their holds are decided."""
        for file in self.archive.list_files(HELD):
            self.archive.remove(file.name)

    def roll_back(self, name: str) -> None:
        """Make the version of a load live again."""
        self.warehouse.make_live(TARGET, self.published[name].number, self.clock())

    def forget_version(self, name: str) -> None:
        """Remove a version from the warehouse, as if that had been restored from a backup."""
        number = self.published[name].number
        if isinstance(self.warehouse, DuckDBWarehouse):
            (self.warehouse.folder / "iqu" / "qa" / "members" / f"{number:09d}.duckdb").unlink()
            return
        assert isinstance(self.warehouse, PostgresWarehouse)
        url = conninfo_of(self.warehouse.url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("delete from iqu_qa_versions._facts where number = %s", [number])

    def start_gateway(self) -> None:
        """Do what a gateway does before it accepts loads."""
        check = LoadNumberCheck(ledger=self.ledger, highest_number=self.warehouse.highest_number)
        assert check.is_done()

    def back_up(self) -> None:
        """Back the ledger up."""
        self.ledger.close()
        self.store.back_up()

    def lose_and_restore(self) -> None:
        """Lose the ledger, and restore the backup a day later."""
        self.ledger.close()
        self.store.restore()
        self.ledger = Ledger.open(self.store.url)
        self.now += timedelta(days=1)

    def check(self) -> LedgerCheck:
        """Return what `alumniq doctor` compares."""
        return LedgerCheck(
            ledger=self.ledger,
            warehouse=self.warehouse,
            archive=self.archive,
            versions_kept=KEPT,
            public_urls=PUBLIC_URLS,
            runs=self.runs,
        )

    def repair(self) -> None:
        """Reconcile what `alumniq doctor --repair` can."""
        self.done += self.check().repair("pat", self.clock())

    def outcomes(self) -> dict[str, str]:
        """Return the result of each load's last attempt, or its state; `unknown` if it is lost."""
        return {name: self._outcome(job_id) for name, job_id in self.names.items()}

    def differences(self) -> Sequence[str]:
        """Return what differs, by kind and whose it is; in brackets what needs nothing more."""
        owner = {job_id: name for name, job_id in self.names.items()}
        return [
            f"{found.kind} {owner.get(JobId(found.subject), '')}".strip()
            if found.is_open
            else f"({found.kind} {owner.get(JobId(found.subject), '')})".replace(" )", ")")
            for found in self.check().differences()
        ]

    def has_lost_nothing(self) -> bool:
        """Return whether every version that was ever published is stored as it was."""
        stored = {version.job_id: version for version in self.warehouse.versions(TARGET)}
        return {version.job_id: version for version in self.published.values()} == stored

    def rows(self) -> str:
        """Return the live rows as the file that they came from."""
        _, found = self.warehouse.query("iqu", "qa", "select xid, batch from members order by xid")
        return "xid,batch\n" + "".join(f"{xid},{batch}\n" for xid, batch in found)

    def _outcome(self, job_id: JobId) -> str:
        load = self.ledger.loads.get(job_id)
        if load is None:
            return "unknown"
        attempts = self.ledger.attempts.of(job_id)
        last = attempts[-1].result if attempts else None
        return str(last) if last and load.is_final else str(load.state)

    def _context(self) -> LoadContext:
        return LoadContext(
            ledger=self.ledger,
            buckets=self.buckets,
            warehouse=self.warehouse,
            scratch=self.folder / "scratch",
            archive=self.archive,
            clock=self.clock,
            log=logging.getLogger(__name__),
            public_urls=PUBLIC_URLS,
        )


def _content(number: int, rows: int) -> str:
    """Return a file whose first row is its own; of a hundred rows, the others never change."""
    lines = (f"{row:03},{number if row == 0 else row}\n" for row in range(rows))
    return "xid,batch\n" + "".join(lines)
