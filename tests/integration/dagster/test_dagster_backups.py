"""A system that was backed up while it worked, and restored elsewhere: each load ends once."""

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import dagster as dg
import pytest

from alumniq_pipelines.core.loads import reconciliation
from alumniq_pipelines.core.loads.load import JobId, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    Notification,
    NotificationState,
)
from alumniq_pipelines.fault_points import FaultPoint
from alumniq_pipelines.services import load_actions
from alumniq_pipelines.settings import Settings
from tests.integration.dagster.backed_up_system import (
    HELD_ROWS,
    MAX_WAIT_SECONDS,
    ROWS,
    S3,
    System,
    add_customers,
    alumniq,
    alumniq_json,
    back_up,
    differences,
    run_system,
    set_up,
    target_of,
    use,
)
from tests.integration.dagster.sensor_ticks import skip, tick
from tests.integration.dagster.worker_process import run_until_killed
from tests.servers.postgres import PostgresServer
from tests.servers.receiver import Receiver
from tests.servers.s3 import empty_s3

pytestmark = pytest.mark.usefixtures("quick_ticks")

Places = Callable[[str], Mapping[str, str]]
UNKNOWN = "unknown-load"
"""A version that was published by a load that was accepted after the ledger was copied: a note."""


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the reconcile sensor give up at once a run that Dagster does not know."""
    monkeypatch.setattr(reconciliation, "DAGSTER_TIMEOUT", timedelta(0))


@pytest.fixture
def embedded(tmp_path: Path) -> Places:
    """Places of the embedded profile: a folder each."""
    return lambda name: {"ALUMNIQ_DATA_DIR": str(tmp_path / name), **COMMON}


@pytest.fixture
def cluster(tmp_path: Path, postgres_server: PostgresServer, s3_endpoint: str) -> Iterator[Places]:
    """Places of the cluster profile: two databases and a bucket each."""
    with ExitStack() as stack:

        def place(name: str) -> Mapping[str, str]:
            databases = [postgres_server.create() for _ in range(2)]
            for database in databases:
                stack.callback(postgres_server.drop, database)
            return {
                "ALUMNIQ_DATA_DIR": str(tmp_path / name),
                "ALUMNIQ_LEDGER_URL": postgres_server.url(databases[0]),
                "ALUMNIQ_WAREHOUSE": "postgres",
                "ALUMNIQ_WAREHOUSE_URL": postgres_server.url(databases[1]),
                "ALUMNIQ_S3_ENDPOINT_URL": s3_endpoint,
                "ALUMNIQ_ARCHIVE_BUCKET": f"archive-{databases[0].replace('_', '-')}",
                **S3,
                **COMMON,
            }

        yield place
        empty_s3(s3_endpoint)


COMMON = {
    "ALUMNIQ_RETRY_SECONDS": "0.001",
    "ALUMNIQ_CALLBACK_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
}


@dataclass(frozen=True)
class Evidence:
    """What was true in the place that was backed up."""

    jobs: Mapping[str, JobId]
    pending: set[str]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("profile", ["embedded", "cluster"])
def test_loads_that_were_under_way_at_the_backup_end_once_where_it_is_restored(
    request: pytest.FixtureRequest,
    profile: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    receiver: Receiver,
) -> None:
    places: Places = request.getfixturevalue(profile)
    settings = use(monkeypatch, places("here"))
    file = tmp_path / "of-tonight.backup"
    set_up(settings)
    make_archive_bucket(settings)
    with dg.DagsterInstance.ephemeral() as instance, run_system(settings, instance) as system:
        prepare_loads(system, receiver.url)
        before = Evidence(
            jobs={name: load.job_id for name, load in system.names.items()},
            pending={notice.id for notice in pending(system)},
        )
        taken = back_up_while_loads_run(system, file)
    assert taken["missing"] == []
    assert before.pending
    if profile == "cluster":
        empty_s3(settings.s3_endpoint_url or "")

    elsewhere = use(monkeypatch, places("elsewhere"))
    make_archive_bucket(elsewhere)
    restored = alumniq_json("restore", str(file))
    assert restored["unwritten_buckets"] == []
    assert [found for found in differences("--repair") if not found["is_warning"]] == []
    with dg.DagsterInstance.ephemeral() as instance, run_system(elsewhere, instance) as system:
        approve(system, before.jobs["held"])
        system.drive()
        assert system.unfinished() == []
        check_loads(system, before)
        skip(system.installation, "notifications")
        check_notifications(system, before, receiver)
    assert {found["code"] for found in differences("--only", "agreement")} <= {UNKNOWN}


def make_archive_bucket(settings: Settings) -> None:
    """Create the bucket of the archive, as an operator does."""
    if settings.archive_bucket:
        boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="made-up",
            aws_secret_access_key="made-up",
        ).create_bucket(Bucket=settings.archive_bucket)


def prepare_loads(system: System, webhook: str) -> None:
    """Leave loads behind in every state, with notifications that nobody has sent."""
    add_customers(system)
    system.accept("first", "iqu", webhook)
    system.execute_requested()
    system.accept("held", "iqu", webhook, rows=HELD_ROWS)
    system.execute_requested()
    # Its worker is killed right after its attempt has begun; the next one waits behind it.
    killed = system.accept("killed", "iqu", webhook)
    launch = system.ledger.queue.request(killed, datetime.now(UTC))
    assert launch is not None
    assert system.ledger.attempts.begin(killed, "lost", datetime.now(UTC), launch=launch)
    system.accept("queued", "iqu", webhook)
    states = {name: system.installation.again(load).state for name, load in system.names.items()}
    assert states == {
        "first": LoadState.SUCCEEDED,
        "held": LoadState.HELD,
        "killed": LoadState.RUNNING,
        "queued": LoadState.QUEUED,
    }


def back_up_while_loads_run(system: System, file: Path) -> Mapping[str, list[str]]:
    """Take a backup while loads of the other customer are accepted and carried out."""
    begun, done = threading.Event(), threading.Event()

    def work() -> None:
        for number in range(1_000):
            system.accept(f"busy {number}", "ocu")
            system.execute_requested()
            begun.set()
            if done.is_set():
                return

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert begun.wait(MAX_WAIT_SECONDS)
        found: Mapping[str, list[str]] = alumniq_json("backup", str(file))
        return found
    finally:
        done.set()
        worker.join()


def pending(system: System) -> Sequence[Notification]:
    return system.ledger.notifications.find(states=[NotificationState.PENDING], limit=1_000)


def approve(system: System, job_id: JobId) -> None:
    load_actions.approve(
        system.ledger, job_id, "As announced.", "ops@example.org", datetime.now(UTC)
    )


def check_loads(system: System, before: Evidence) -> None:
    """Each load has one outcome, each customer its own rows, and the newest of them are live."""
    loads = system.ledger.loads.find(limit=10_000)
    assert set(before.jobs.values()) <= {load.job_id for load in loads}
    for load in loads:
        check_ended_once(system, load.job_id)
    assert system.texts("iqu") == {"iqu queued"}
    [text] = system.texts("ocu")
    assert text.startswith("ocu busy")


def check_ended_once(system: System, job_id: JobId) -> None:
    """A load has one outcome, of which its customer gets one mail."""
    load = system.ledger.loads.get(job_id)
    assert load is not None
    ends = Counter(attempt.result for attempt in system.ledger.attempts.of(job_id))
    assert load.state is LoadState.SUCCEEDED, ends
    assert ends[AttemptResult.PUBLISHED] + ends[AttemptResult.SUPERSEDED] == 1, ends
    subjects = [
        mail.notice.subject
        for mail in system.ledger.notifications.of(job_id, {Audience.CUSTOMER})
        if mail.notice.channel is Channel.MAIL
    ]
    outcomes = [
        subject
        for subject in subjects
        if subject.startswith(("Loaded", "Not loaded", "Superseded"))
    ]
    assert len(outcomes) == 1, subjects


def check_notifications(system: System, before: Evidence, receiver: Receiver) -> None:
    """Each notification was sent, under the id that it had in the backup."""
    found = system.ledger.notifications.find(limit=10_000)
    assert {notice.state for notice in found} == {NotificationState.DELIVERED}
    assert before.pending <= {notice.id for notice in found}
    callbacks = {notice.id for notice in found if notice.notice.channel == "callback"}
    received = Counter(call.headers["webhook-id"] for call in receiver.received)
    assert received == Counter(callbacks)


@pytest.fixture(scope="module")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create one Dagster home, for copying: workers in other processes open it, too."""
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert not instance.all_instigator_state()
    return home


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("point", list(FaultPoint))
@pytest.mark.parametrize("goes_on", [False, True], ids=["stands-still", "ends-meanwhile"])
def test_a_backup_of_any_moment_of_a_load_ends_it_once_where_it_is_restored(
    embedded: Places,
    dagster_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    point: FaultPoint,
    goes_on: bool,  # noqa: FBT001 - a case of the test
) -> None:
    """The ledger is as it was at the point, the warehouse the same or that of a load that ended."""
    settings, file = use(monkeypatch, embedded("here")), tmp_path / "any.backup"
    set_up(settings)
    home = shutil.copytree(dagster_home, tmp_path / "dagster")
    with (
        dg.DagsterInstance.from_config(str(home)) as instance,
        run_system(settings, instance) as system,
    ):
        add_customers(system)
        system.accept("before", "iqu")
        system.drive()
        is_held = point is FaultPoint.HELD_ROWS_STORED
        load = system.accept("under way", "iqu", rows=HELD_ROWS if is_held else ROWS)
        [run] = tick(system.installation, "load_requests").run_requests or ()
        run_until_killed(system.installation, load.job_id, dict(run.tags), point)
        manifest = back_up(settings, file, system.drive if goes_on else lambda: None)
    assert manifest.missing == ()

    elsewhere = use(monkeypatch, embedded("elsewhere"))
    alumniq("restore", str(file))
    assert [found for found in differences("--repair") if not found["is_warning"]] == []
    with dg.DagsterInstance.ephemeral() as instance, run_system(elsewhere, instance) as system:
        system.drive()
        if is_held:
            approve(system, load.job_id)
            system.drive()
        check_ended_once(system, load.job_id)
        assert system.texts("iqu") == {"iqu under way"}
        stored = [version.number for version in system.ledger.versions.of(target_of("iqu"))]
        assert stored == [2, 1]
    assert differences("--only", "agreement") == []
