"""Canceling and repeating loads on each engine, with what is recorded of it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from alumniq_pipelines.adapters.ledger import tables
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.public_urls import NO_PUBLIC_URLS
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord
from alumniq_pipelines.core.problems.api import BeingPublished, LoadCanceledUnderway, NotQueued
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.services import load_actions
from tests.integration.ledger.conftest import NOW, Accept, version_of

LATER = NOW + timedelta(minutes=5)


def cancel(ledger: Ledger, load: Load) -> Load:
    return load_actions.cancel(ledger, load.job_id, "ada", LATER, public_urls=NO_PUBLIC_URLS)


def audited(ledger: Ledger, subject: str) -> list[tuple[str, str]]:
    query = select(tables.audit.c.actor, tables.audit.c.action)
    with ledger.database.reading() as connection:
        rows = connection.execute(query.where(tables.audit.c.subject == subject)).all()
    return [(row.actor, row.action) for row in rows]


def break_audit_trail(ledger: Ledger) -> None:
    with ledger.database.writing() as connection:
        tables.audit.drop(connection)


def test_a_queued_load_is_canceled_at_once_and_nothing_of_it_had_begun(
    ledger: Ledger, accept: Accept
) -> None:
    canceled = cancel(ledger, accept())
    assert canceled.state is LoadState.FAILED
    assert "canceled before it began" in canceled.errors[0]
    assert audited(ledger, canceled.job_id) == [("ada", "load canceled")]
    assert ledger.queue.stopping() == []


def test_the_run_of_a_requested_load_that_is_canceled_is_to_be_stopped(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept()
    ledger.queue.request(load, NOW)
    canceled = cancel(ledger, load)
    assert "canceled before it began" in canceled.errors[0]
    assert [stopping.job_id for stopping in ledger.queue.stopping()] == [load.job_id]


def test_a_running_load_is_canceled_and_its_attempt_was_stopped_by_a_person(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept(notify_email="you@iqu.example")
    begun = ledger.attempts.begin(load, "run-1", NOW)
    assert begun is not None
    canceled = cancel(ledger, load)
    assert "canceled after it had begun. Nothing of it was published" in canceled.errors[0]
    [attempt] = ledger.attempts.of(load.job_id)
    assert (attempt.result, attempt.ended_at) == (AttemptResult.STOPPED, LATER)
    assert [stopping.job_id for stopping in ledger.queue.stopping()] == [load.job_id]
    [notification] = ledger.notifications.of(load.job_id)
    assert "canceled after it had begun" in notification.notice.body


def test_a_load_that_is_being_published_cannot_be_canceled(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    check = CheckRecord(counts=Counts(2, 2, 0))
    assert ledger.attempts.claim_publication(load.job_id, 1, check, Receipt("cafe", "e1"), NOW)
    with pytest.raises(BeingPublished):
        cancel(ledger, load)
    found = ledger.loads.get(load.job_id)
    assert found is not None
    assert found.state is LoadState.RUNNING
    assert audited(ledger, load.job_id) == []


def claimed(ledger: Ledger, accept: Accept) -> Load:
    """Accept a load whose attempt may publish."""
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    check = CheckRecord(counts=Counts(2, 2, 0))
    assert ledger.attempts.claim_publication(load.job_id, 1, check, Receipt("cafe", "e1"), NOW)
    return load


def test_a_load_that_has_published_cannot_be_canceled_before_it_has_its_outcome(
    ledger: Ledger, accept: Accept
) -> None:
    """It would be said that nothing was published, although the pointer had moved."""
    load = claimed(ledger, accept)
    ledger.attempts.mark_published(load.job_id, 1, version_of(load), NOW)
    with pytest.raises(BeingPublished):
        cancel(ledger, load)


def test_a_load_whose_publication_was_revoked_can_be_canceled(
    ledger: Ledger, accept: Accept
) -> None:
    load = claimed(ledger, accept)
    assert ledger.attempts.close_lost(load.job_id, 1, NOW, is_revoked=True)
    assert cancel(ledger, load).errors == (str(LoadCanceledUnderway()),)


def test_a_load_is_canceled_once(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    cancel(ledger, load)
    with pytest.raises(NotQueued):
        cancel(ledger, load)
    assert audited(ledger, load.job_id) == [("ada", "load canceled")]


def test_a_load_is_not_canceled_without_an_entry_in_the_audit_trail(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept(notify_email="you@iqu.example")
    break_audit_trail(ledger)
    with pytest.raises(LedgerUnavailable):
        cancel(ledger, load)
    found = ledger.loads.get(load.job_id)
    assert found is not None
    assert found.state is LoadState.QUEUED
    assert ledger.notifications.of(load.job_id) == []


def test_a_load_is_repeated_with_an_entry_in_the_audit_trail_or_not_at_all(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    receipt = Receipt("cafe", "e1")
    ledger.attempts.end(load.job_id, 1, AttemptResult.OUTAGE, NOW, receipt=receipt)
    repeated = load_actions.repeat(ledger, load.job_id, "ada", LATER)
    assert ledger.loads.get(repeated.job_id) == repeated
    assert audited(ledger, load.job_id) == [("ada", "load repeated")]
    break_audit_trail(ledger)
    with pytest.raises(LedgerUnavailable):
        load_actions.repeat(ledger, load.job_id, "ada", LATER)
    assert len(ledger.loads.find()) == 2
