"""Warnings and notes are stored with the attempt and the outcome, on both engines."""

import json
from dataclasses import asdict

from alembic import command
from sqlalchemy import text

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.schema_upgrade import alembic_config
from alumniq_pipelines.core.loads.check_result import Cause, Counts
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import AttemptResult, CheckRecord, Outcome
from tests.integration.ledger.conftest import NOW, Accept

COUNTS = Counts(10, 10, 0)
WARNINGS = (
    Cause("reference", "nation", "`nation` is no country", 3, 7, "warning", "Send USA."),
    Cause("duplicate-value", None, "The value of `é` stands twice", 2**40, 2, "note"),
)
CHECK = CheckRecord(counts=COUNTS, warnings=WARNINGS)


def test_warnings_and_notes_are_stored_with_attempt_and_outcome(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    ledger.attempts.end(load.job_id, 1, AttemptResult.PUBLISHED, NOW, check=CHECK)
    [attempt] = ledger.attempts.of(load.job_id)
    assert attempt.warnings == WARNINGS
    outcome = Outcome(LoadState.SUCCEEDED, counts=COUNTS, warnings=attempt.warnings)
    ledger.loads.end(load.job_id, outcome, [], NOW)
    found = ledger.loads.get(load.job_id)
    assert found
    assert found.warnings == WARNINGS


def test_a_process_of_the_previous_release_still_reads_and_writes_its_columns(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    written = {"remarks": json.dumps([asdict(warning) for warning in WARNINGS])}
    with ledger.database.writing() as connection:
        for table in ("loads", "attempts"):
            connection.execute(text(f"SELECT remarks FROM {table}"))
            connection.execute(text(f"UPDATE {table} SET remarks = :remarks"), written)
    found = ledger.loads.get(load.job_id)
    assert found
    assert found.warnings == ledger.attempts.of(load.job_id)[0].warnings == WARNINGS
    ledger.loads.end(load.job_id, Outcome(LoadState.SUCCEEDED, counts=COUNTS), [], NOW)
    found = ledger.loads.get(load.job_id)
    assert found
    assert found.warnings == ()


def test_a_load_of_before_has_none(ledger: Ledger, accept: Accept) -> None:
    load = accept()
    ledger.attempts.begin(load, "run-1", NOW)
    ledger.attempts.end(load.job_id, 1, AttemptResult.PUBLISHED, NOW, check=CHECK)
    with ledger.database.writing() as connection:
        command.downgrade(alembic_config(connection), "0006")
    ledger.migrate()
    found = ledger.loads.get(load.job_id)
    assert found
    assert found.warnings == ledger.attempts.of(load.job_id)[0].warnings == ()
