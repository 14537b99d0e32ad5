"""An installation of one customer: real ledger, bucket and warehouse, and a Dagster instance."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import update

from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import loads
from alumniq_pipelines.core.loads.customer import Customer, Subscription
from alumniq_pipelines.core.loads.load import Load, LoadRequest, LoadState, new_job_id
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.definitions import build_definitions
from alumniq_pipelines.defs.sensors import polling
from alumniq_pipelines.defs.sensors.reconciler import RunReconciler
from alumniq_pipelines.defs.tags import tags_of
from alumniq_pipelines.settings import Settings

TARGET = Target("iqu", Environment.PRODUCTION, "warehouse-lookups")
FILE = "lookups.csv"
ROWS = "".join(f'"unit","{code}","Unit {code}","{code}","true"\n' for code in range(1, 101))
HEADER = '"list","code","description","sortOrder","isActive"\n'


@dataclass(frozen=True)
class Installation:
    """Everything of one installation, as its processes see it."""

    settings: Settings
    ledger: Ledger
    buckets: FolderBuckets
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    def put(self, content: str, filename: str = FILE) -> None:
        """Deliver a file."""
        path = self.buckets.open("iqu").root / "production" / "warehouse" / filename
        path.write_text(content, encoding="utf-8")

    def accept(self, filename: str = FILE, target: Target = TARGET) -> Load:
        """Accept a load as the gateway would."""
        request = LoadRequest(new_job_id(), target, filename, None, None, "a@example.org")
        return self.ledger.loads.accept(request, datetime.now(UTC))

    def again(self, load: Load) -> Load:
        """Read a load again."""
        found = self.ledger.loads.get(load.job_id)
        assert found
        return found

    def tags_of(self, load: Load) -> dict[str, str]:
        """Return the tags of a run that would be requested for the load now."""
        return tags_of(load, self.again(load).launch)

    def reconcile(self) -> Counter[str]:
        """Make a pass of the reconcile sensor over all runs and outstanding loads."""
        return RunReconciler(self.ledger, self.instance, self.settings).reconcile()

    @contextmanager
    def out_of_line(self, load: Load) -> Iterator[None]:
        """Keep a load from its place in the line, as if it were accepted at the same moment.

        Numbers are given before the transaction that accepts a load commits.
        """
        self._set_state(load, LoadState.HELD)
        yield
        self._set_state(load, LoadState.QUEUED)

    def _set_state(self, load: Load, state: LoadState) -> None:
        statement = update(loads).where(loads.c.job_id == load.job_id).values(state=state)
        with self.ledger.engine.begin() as connection:
            connection.execute(statement)

    def execute(
        self,
        load: Load | None = None,
        config: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Execute a run as the queue would: for a load, or by hand; `tags` replace the load's."""
        target = load.target if load else TARGET
        feed = target.feed.replace("-", "_")
        return self.definitions.resolve_job_def(f"load_{feed}").execute_in_process(
            instance=self.instance,
            partition_key=target.partition_key,
            tags=tags if tags is not None else self.tags_of(load) if load else {},
            run_config={"ops": {f"feeds__{feed}": {"config": config or {}}}},
            raise_on_error=False,
        )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the embedded profile, with retries after almost no wait."""
    return Settings(data_dir=tmp_path / "data", retry_seconds=0.001, staff_email="ops@example.org")


@pytest.fixture(scope="session")
def ledger_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one ledger, for copying."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    opened = Ledger.open(f"sqlite:///{path}")
    opened.migrate()
    opened.close()
    return path


@pytest.fixture
def ledger(settings: Settings, ledger_template: Path) -> Iterator[Ledger]:
    """A migrated ledger in the data folder."""
    settings.home.mkdir()
    shutil.copy(ledger_template, settings.home)
    opened = Ledger.open(settings.ledger)
    yield opened
    opened.close()


@pytest.fixture
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ticks that find nothing end at once."""
    monkeypatch.setattr(polling, "TICK_SECONDS", 0.0)


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory, with the launcher of the embedded profile."""
    with dg.DagsterInstance.ephemeral() as made:
        monkeypatch.setattr(made, "_run_launcher", dg.DefaultRunLauncher())
        yield made


@pytest.fixture
def installation(settings: Settings, ledger: Ledger, instance: dg.DagsterInstance) -> Installation:
    """One customer with one subscription."""
    now = datetime.now(UTC)
    ledger.customers.add(Customer("iqu", "Inter-Quad University", "iqu"), now)
    ledger.customers.subscribe(Subscription(TARGET), now)
    buckets = FolderBuckets(settings.buckets_dir, settle_seconds=0)
    buckets.create("iqu")
    instance.add_dynamic_partitions("feeds/warehouse_lookups", [TARGET.partition_key])
    definitions = build_definitions(settings, {"buckets": buckets})
    return Installation(settings, ledger, buckets, instance, definitions)
