"""What checking found is recorded before anything is published, by the current attempt only."""

from dataclasses import replace

from alembic import command

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.schema_upgrade import alembic_config
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.diff import Changes
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord, Outcome
from alumniq_pipelines.core.loads.target import Target
from tests.integration.ledger.conftest import NOW, Accept

CHECK = CheckRecord(
    counts=Counts(10, 7, 3),
    causes=(Cause("integer", "sortOrder", "`sortOrder` is no whole number", 3, 2, advice="Fix."),),
    warnings=(Cause("reference", "nation", "`nation` is no country", 3, 7, "warning"),),
    changes=Changes(1, 2, 3, 4, {"city": 2}),
)
RECEIPT = Receipt("cafe", "e1")


def test_what_was_recorded_outlives_the_attempt_that_is_cut_off(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    assert ledger.attempts.claim_publication(load.job_id, 1, CHECK, RECEIPT, NOW)
    assert ledger.attempts.close_lost(load.job_id, 1, NOW, is_revoked=True)
    ledger.attempts.begin(load, "run-2", NOW)
    lost, second = ledger.attempts.of(load.job_id)
    assert (lost.result, lost.check, lost.sha256) == (AttemptResult.LOST, CHECK, "cafe")
    assert second.check is None
    assert ledger.attempts.receipt(load.job_id) == RECEIPT


def test_closing_an_attempt_preserves_what_it_recorded(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    ledger.attempts.claim_publication(load.job_id, 1, CHECK, RECEIPT, NOW)
    ledger.attempts.end(load.job_id, 1, AttemptResult.PUBLISHED, NOW)
    [attempt] = ledger.attempts.of(load.job_id)
    assert (attempt.result, attempt.check) == (AttemptResult.PUBLISHED, CHECK)
    assert (attempt.sha256, attempt.etag) == ("cafe", "e1")


def test_only_the_current_attempt_of_a_running_load_records(
    ledger: Ledger, accept: Accept, target: Target
) -> None:
    feeds = ("warehouse", "members", "degrees", "awards")
    targets = [replace(target, feed=feed) for feed in feeds]
    replaced, closed, requeued, ended = (accept(target=table) for table in targets)
    for load in (replaced, closed, requeued, ended):
        ledger.attempts.begin(load, "run-1", NOW)
    ledger.attempts.begin(replaced, "run-2", NOW)
    ledger.attempts.end(closed.job_id, 1, AttemptResult.LOST, NOW)
    ledger.attempts.close_lost(requeued.job_id, 1, NOW)
    assert ledger.queue.requeue(requeued, NOW, is_failed_launch=False)
    ledger.loads.end(ended.job_id, Outcome(LoadState.FAILED, ("Stopped.",)), (), NOW)
    for load in (replaced, closed, requeued, ended):
        assert not ledger.attempts.claim_publication(load.job_id, 1, CHECK, RECEIPT, NOW)
        assert ledger.attempts.of(load.job_id)[0].check is None


def test_attempts_of_before_the_migration_have_no_causes(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    ledger.attempts.claim_publication(load.job_id, 1, CHECK, RECEIPT, NOW)
    with ledger.database.writing() as connection:
        command.downgrade(alembic_config(connection), "0007")
    ledger.migrate()
    [attempt] = ledger.attempts.of(load.job_id)
    assert (attempt.counts, attempt.causes) == (CHECK.counts, ())
