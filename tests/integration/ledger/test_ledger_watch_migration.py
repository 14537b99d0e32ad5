"""Notifications that were pending before the migration of watches stay pending, on both engines."""

from datetime import timedelta

from alembic import command
from sqlalchemy import inspect, text

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.schema_upgrade import alembic_config
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.outcome import Outcome
from alumniq_pipelines.core.monitoring.incident import Condition, Kind
from alumniq_pipelines.core.notifications.notification import (
    Audience,
    Channel,
    DeliveryResult,
    Notice,
)
from tests.integration.ledger.conftest import NOW, Accept

CALLBACK = Notice(
    Channel.CALLBACK,
    "https://iqu.example/done",
    '{"status": "SUCCESS"}',
    audience=Audience.CUSTOMER,
)
FAILED = DeliveryResult(delivered=False, detail="500")


def downgrade(ledger: Ledger, revision: str) -> None:
    with ledger.database.writing() as connection:
        command.downgrade(alembic_config(connection), revision)


def test_notifications_and_their_attempts_outlive_the_migration_to_watches_and_back(
    ledger: Ledger, accept: Accept
) -> None:
    load = accept()
    ledger.loads.end(load.job_id, Outcome(LoadState.SUCCEEDED), [CALLBACK], NOW)
    (due,) = ledger.notifications.claim(NOW, timedelta(minutes=2))
    ledger.notifications.record(due, FAILED, NOW)
    ledger.incidents.open(
        Condition(key="bucket", kind=Kind.BUCKET_UNAVAILABLE, title="Away", detail="It is away."),
        NOW,
    )
    (incident,) = ledger.incidents.list_open()
    ledger.incidents.notify([incident.id], NOW, lambda _: [CALLBACK])
    stored = ledger.notifications.of(load.job_id)
    downgrade(ledger, "0001")
    with ledger.database.reading() as connection:
        assert "incidents" not in inspect(connection).get_table_names()
        assert connection.scalar(text("SELECT count(*) FROM notifications")) == 1
    ledger.migrate()
    assert ledger.notifications.of(load.job_id) == stored
    assert ledger.notifications.attempts(due.id) == [(NOW, FAILED)]
    assert ledger.incidents.list_open() == []
