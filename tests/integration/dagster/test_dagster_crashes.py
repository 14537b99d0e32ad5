"""A worker that dies between publishing and recording it: no notification loses anything."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from alumniq_pipelines.adapters.warehouse.duckdb.warehouse import DuckDBWarehouse
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.customer import Subscription
from alumniq_pipelines.core.loads.load import (
    MAX_ATTEMPTS,
    JobId,
    Load,
    LoadRequest,
    LoadState,
    new_job_id,
)
from alumniq_pipelines.core.loads.outcome import AttemptResult, Outcome
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.loads.warehouse import (
    AcceptedRows,
    BeforePointerMoves,
    LiveRows,
    Version,
    no_claim,
)
from alumniq_pipelines.definitions import build_definitions
from alumniq_pipelines.defs.sensors import reconciler
from alumniq_pipelines.defs.tags import NOTHING_DONE
from tests.integration.dagster.conftest import FILE, HEADER, ROWS, TARGET, Installation

BAD = "".join(f'"unit","bad {line}","Unit","x","true"\n' for line in range(3))
COUNTS = Counts(103, 100, 3)
SECRET = "Wilhelmina-Zzyzx"


class Killed(BaseException):
    """The death of the worker, which none of our code can handle."""


@dataclass(frozen=True)
class KilledAfterPublishing(DuckDBWarehouse):
    """A warehouse whose worker dies as soon as the pointer has moved."""

    def publish(
        self,
        target: Target,
        field_map: FieldMap,
        accepted: AcceptedRows,
        *,
        number: int,
        job_id: JobId,
        now: datetime,
        attempt: int = 1,
        before_pointer_moves: BeforePointerMoves = no_claim,
    ) -> Version:
        """Publish, and die."""
        super().publish(
            target,
            field_map,
            accepted,
            number=number,
            job_id=job_id,
            now=now,
            attempt=attempt,
            before_pointer_moves=before_pointer_moves,
        )
        raise Killed


@dataclass(frozen=True)
class StoppedBeforePublishing(DuckDBWarehouse):
    """A warehouse that ends the load, as a person would, before it is first read."""

    installation: Installation | None = None
    ended: list[Load] = field(default_factory=list)

    def live_rows(
        self, target: Target, scratch: Path, columns: Collection[str] | None = None
    ) -> LiveRows | None:
        """End the running load, then return the live version."""
        assert self.installation
        outcome = Outcome(LoadState.FAILED, ("Stopped.",))
        for load in self.ended:
            self.installation.ledger.loads.end(load.job_id, outcome, (), datetime.now(UTC))
        return super().live_rows(target, scratch, columns)


def installed(installation: Installation, warehouse: DuckDBWarehouse) -> Installation:
    """Give the installation another warehouse."""
    overrides = {"buckets": installation.buckets, "warehouse": warehouse}
    return replace(installation, definitions=build_definitions(installation.settings, overrides))


def kill_after_publishing(installation: Installation, load: Load) -> None:
    """Run a load until its version is live, and leave its attempt open as a kill does."""
    settings = installation.settings
    dying = KilledAfterPublishing(settings.warehouse_dir, settings.versions_kept)
    assert not installed(installation, dying).execute(load).success
    assert dying.live(TARGET)
    assert results(installation, load)[-1] is None


def reconciled(installation: Installation, load: Load) -> Load:
    installation.reconcile()
    return installation.again(load)


def results(installation: Installation, load: Load) -> Sequence[AttemptResult | None]:
    return [attempt.result for attempt in installation.ledger.attempts.of(load.job_id)]


@pytest.fixture
def load(installation: Installation) -> Load:
    """Accept a load of 103 rows, 3 of them bad, for a target that tolerates bad rows."""
    installation.ledger.customers.subscribe(Subscription(TARGET, 10), datetime.now(UTC))
    installation.put(HEADER + ROWS + BAD)
    return installation.accept()


def mail_of(installation: Installation, load: Load) -> str:
    [mail] = [
        notification.notice.body
        for notification in installation.ledger.notifications.of(load.job_id)
        if notification.notice.destination == "a@example.org"
    ]
    return mail


def test_no_other_run_interferes_with_a_publication_and_what_it_found_is_reported(
    installation: Installation, load: Load
) -> None:
    kill_after_publishing(installation, load)
    run = installation.execute(load)
    assert run.success
    stored = installation.instance.get_run_by_id(run.run_id)
    assert stored
    assert stored.tags[NOTHING_DONE] == "run-outdated"
    ended = reconciled(installation, load)
    assert results(installation, load) == [AttemptResult.PUBLISHED]
    assert (ended.state, ended.counts) == (LoadState.SUCCEEDED, COUNTS)
    assert "Rows read: 103\nRows published: 100\nRows rejected: 3" in mail_of(installation, load)
    assert installation.ledger.attempts.receipt(load.job_id)


def test_a_killed_attempt_that_had_published_needs_no_other(
    installation: Installation, load: Load
) -> None:
    kill_after_publishing(installation, load)
    ended = reconciled(installation, load)
    assert results(installation, load) == [AttemptResult.PUBLISHED]
    assert (ended.state, ended.counts) == (LoadState.SUCCEEDED, COUNTS)
    assert "Rows rejected: 3" in mail_of(installation, load)
    assert [version.job_id for version in installation.ledger.versions.of(TARGET)] == [load.job_id]


def test_a_last_attempt_that_had_published_is_no_failure(
    installation: Installation, load: Load
) -> None:
    """Otherwise its customer would be notified of a failure while readers see the data."""
    for number in range(1, MAX_ATTEMPTS):
        installation.ledger.attempts.begin(load, f"run-{number}", datetime.now(UTC))
    kill_after_publishing(installation, installation.again(load))
    retry = installation.execute(installation.again(load))
    assert not retry.success
    assert reconciled(installation, load).state is LoadState.SUCCEEDED
    assert results(installation, load)[-1] is AttemptResult.PUBLISHED


def test_no_later_load_begins_before_it_is_known_what_a_killed_one_has_published(
    installation: Installation, load: Load
) -> None:
    kill_after_publishing(installation, load)
    later = installation.accept()
    installation.execute(later)
    assert results(installation, later) == []
    assert reconciled(installation, load).counts == COUNTS
    assert installation.execute(later).success
    assert results(installation, later) == [AttemptResult.UNCHANGED]


def test_an_attempt_that_dies_before_it_publishes_is_made_again(
    installation: Installation, load: Load
) -> None:
    attempts, now = installation.ledger.attempts, datetime.now(UTC)
    attempts.begin(load, "run-1", now)
    installation.execute(load)
    assert results(installation, load) == [AttemptResult.LOST, AttemptResult.PUBLISHED]
    assert reconciled(installation, load).counts == COUNTS


def test_a_load_that_is_ended_while_its_file_is_checked_is_not_published(
    installation: Installation, load: Load
) -> None:
    settings = installation.settings
    stopping = StoppedBeforePublishing(
        settings.warehouse_dir, settings.versions_kept, installation=installation, ended=[load]
    )
    run = installed(installation, stopping).execute(load)
    assert run.success
    stored = installation.instance.get_run_by_id(run.run_id)
    assert stored
    assert stored.tags[NOTHING_DONE] == "attempt-over"
    assert stopping.live(TARGET) is None
    assert installation.again(load).errors == ("Stopped.",)


def a_run(installation: Installation, load: Load) -> dg.DagsterRun:
    """Let Dagster make another run of a load, which waits."""
    return installation.instance.create_run_for_job(
        installation.definitions.resolve_job_def("load_warehouse_lookups"),
        tags=installation.tags_of(load),
    )


@pytest.mark.parametrize("lost_before", [0, MAX_ATTEMPTS - 1])
def test_a_retry_that_never_began_hides_no_version_that_was_published(
    installation: Installation, load: Load, lost_before: int
) -> None:
    for number in range(lost_before):
        installation.ledger.attempts.begin(load, f"run-{number}", datetime.now(UTC))
    kill_after_publishing(installation, installation.again(load))
    installation.instance.report_run_canceled(a_run(installation, load))
    ended = reconciled(installation, load)
    assert (ended.state, ended.counts) == (LoadState.SUCCEEDED, COUNTS)
    assert [version.job_id for version in installation.ledger.versions.of(TARGET)] == [load.job_id]


def test_attempts_lost_after_the_one_that_published_do_not_fail_its_load(
    installation: Installation, load: Load
) -> None:
    kill_after_publishing(installation, load)
    for number in range(2, MAX_ATTEMPTS + 1):
        installation.ledger.attempts.begin(load, f"run-{number}", datetime.now(UTC))
    installation.instance.report_run_failed(a_run(installation, load))
    ended = reconciled(installation, load)
    assert (ended.state, ended.counts) == (LoadState.SUCCEEDED, COUNTS)


@pytest.mark.parametrize("ends", ["canceled", "failed"])
def test_what_becomes_of_another_run_ends_no_attempt_that_is_at_work(
    installation: Installation, load: Load, ends: str
) -> None:
    at_work = a_run(installation, load)
    other = a_run(installation, load)
    installation.ledger.attempts.begin(load, at_work.run_id, datetime.now(UTC))
    if ends == "canceled":
        installation.instance.report_run_canceled(other)
    else:
        installation.instance.report_run_failed(other)
    assert reconciled(installation, load).state is LoadState.RUNNING
    assert results(installation, load) == [None]


def test_an_old_version_that_cannot_be_read_keeps_no_published_load_open(
    installation: Installation, load: Load
) -> None:
    installation.execute(load)
    reconciled(installation, load)
    installation.put(HEADER + ROWS + BAD + '"unit","x","Unit","1","true"\n')
    second = installation.accept()
    kill_after_publishing(installation, second)
    [old] = installation.settings.warehouse_dir.rglob(f"*lookups*/{load.number:09}.duckdb")
    old.write_bytes(b"junk")
    assert reconciled(installation, second).state is LoadState.SUCCEEDED


def test_rows_are_said_to_be_published_only_where_they_were(
    installation: Installation, load: Load
) -> None:
    installation.execute(load)
    reconciled(installation, load)
    same = installation.accept()
    installation.execute(same)
    reconciled(installation, same)
    dry_run = LoadRequest(
        new_job_id(), TARGET, FILE, None, None, notify_email="a@example.org", dry_run=True
    )
    dry = installation.ledger.loads.accept(dry_run, datetime.now(UTC))
    installation.execute(dry)
    reconciled(installation, dry)
    assert "Rows published: 100" in mail_of(installation, load)
    for other in (same, dry):
        assert "Rows published" not in mail_of(installation, other)
        assert "Rows accepted: 100" in mail_of(installation, other)


class Broken(DuckDBWarehouse):
    """A warehouse that fails in an unforeseen way for one table."""

    def revoke(self, target: Target, *, number: int, attempt: int) -> None:
        """Fail."""
        del target, number, attempt
        raise ValueError(SECRET)


def test_a_load_that_cannot_be_reconciled_blocks_none_behind_it(
    installation: Installation,
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kill_after_publishing(installation, load)
    other = installation.accept(target=replace(TARGET, environment=Environment.QA))
    now = datetime.now(UTC)
    assert installation.ledger.queue.request(other, now)
    installation.instance.report_run_canceled(a_run(installation, other))
    settings = installation.settings
    broken = Broken(settings.warehouse_dir, settings.versions_kept)
    monkeypatch.setattr(reconciler, "open_warehouse", lambda _: broken)
    assert installation.reconcile() == {"failed to reconcile": 1, "ended": 1}
    assert installation.again(load).state is LoadState.RUNNING
    assert installation.again(other).state is LoadState.FAILED
    assert SECRET not in caplog.text
