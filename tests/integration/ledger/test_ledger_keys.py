from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, inspect, select

from alumniq_pipelines.adapters.ledger import keys as ledger_keys
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import api_keys, audit
from alumniq_pipelines.core.access.api_keys import new_api_key
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.problems.command import UnknownCustomer
from tests.integration.ledger.conftest import NOW

pytestmark = pytest.mark.usefixtures("target")

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@contextmanager
def updates_counted(ledger: Ledger) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*arguments: object) -> None:
        statement = str(arguments[2])
        if statement.startswith("UPDATE"):
            seen.append(statement)

    event.listen(ledger.engine, "before_cursor_execute", note)
    yield seen
    event.remove(ledger.engine, "before_cursor_execute", note)


def test_a_key_is_found_by_itself_alone(ledger: Ledger) -> None:
    key, api_key = ledger.keys.issue("iqu", Environment.PRODUCTION, NOW)
    assert key.startswith(api_key.prefix)
    assert api_key.environment is Environment.PRODUCTION
    assert ledger.keys.find(key, NOW) == api_key
    for other in (
        key[:-1],
        key + "A",
        key.lower(),
        api_key.prefix,
        "",
        new_api_key(api_key.environment),
    ):
        assert ledger.keys.find(other, NOW) is None


def test_the_ledger_never_holds_a_key_itself(ledger: Ledger) -> None:
    key, _ = ledger.keys.issue("iqu", Environment.QA, NOW)
    with ledger.database.reading() as connection:
        tables = inspect(connection).get_table_names()
        for table in tables:
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert key not in str(rows)
            assert key[12:] not in str(rows)


def test_a_key_opens_until_it_expires(ledger: Ledger) -> None:
    key, api_key = ledger.keys.issue("iqu", Environment.QA, NOW, days=2)
    assert api_key.expires_at == NOW + 2 * DAY
    assert ledger.keys.find(key, NOW + 2 * DAY - SECOND) is not None
    assert ledger.keys.find(key, NOW + 2 * DAY) is None


def test_a_revoked_key_opens_nothing(ledger: Ledger) -> None:
    key, api_key = ledger.keys.issue("iqu", Environment.QA, NOW)
    other, _ = ledger.keys.issue("iqu", Environment.QA, NOW)
    assert ledger.keys.revoke(api_key.prefix, NOW + SECOND)
    assert ledger.keys.find(key, NOW + SECOND) is None
    assert ledger.keys.find(other, NOW + SECOND) is not None


def test_a_key_is_revoked_once(ledger: Ledger) -> None:
    _, api_key = ledger.keys.issue("iqu", Environment.QA, NOW)
    assert ledger.keys.revoke(api_key.prefix, NOW)
    assert not ledger.keys.revoke(api_key.prefix, NOW + DAY)
    assert ledger.keys.of("iqu")[0].revoked_at == NOW


def test_neither_an_unknown_nor_an_expired_key_can_be_revoked(ledger: Ledger) -> None:
    _, api_key = ledger.keys.issue("iqu", Environment.QA, NOW, days=1)
    assert not ledger.keys.revoke("aq_test_none", NOW)
    assert not ledger.keys.revoke(api_key.prefix, NOW + DAY)


def test_keys_are_listed_newest_first_and_by_customer(ledger: Ledger) -> None:
    ledger.customers.add(Customer("zed", "Zed College", "alumniq-zed"), NOW)
    _, first = ledger.keys.issue("iqu", Environment.QA, NOW)
    _, second = ledger.keys.issue("zed", Environment.QA, NOW + SECOND)
    _, third = ledger.keys.issue("iqu", Environment.PRODUCTION, NOW + 2 * SECOND)
    assert ledger.keys.of() == [third, second, first]
    assert ledger.keys.of("iqu") == [third, first]


def test_only_a_customer_gets_a_key(ledger: Ledger) -> None:
    with pytest.raises(UnknownCustomer):
        ledger.keys.issue("zed", Environment.QA, NOW)
    assert ledger.keys.of() == []


def test_a_burst_of_calls_notes_the_use_of_a_key_once_a_minute(ledger: Ledger) -> None:
    key, _ = ledger.keys.issue("iqu", Environment.QA, NOW)
    with updates_counted(ledger) as updates:
        for second in range(60):
            ledger.keys.find(key, NOW + second * SECOND)
        assert len(updates) == 1
        assert ledger.keys.of()[0].last_used_at == NOW
        ledger.keys.find(key, NOW + 60 * SECOND)
        assert len(updates) == 2
    assert ledger.keys.of()[0].last_used_at == NOW + 60 * SECOND


def test_a_prefix_taken_by_another_key_leads_to_a_new_key(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, api_key = ledger.keys.issue("iqu", Environment.QA, NOW)
    made = iter([api_key.prefix + "-another", "aq_test_ZZZZ-the-next"])
    monkeypatch.setattr(ledger_keys, "new_api_key", lambda _: next(made))
    second, _ = ledger.keys.issue("iqu", Environment.QA, NOW)
    assert second == "aq_test_ZZZZ-the-next"
    assert ledger.keys.find(first, NOW) is not None


def test_issuing_and_revoking_are_audited_without_the_key(ledger: Ledger, target: Target) -> None:
    key, api_key = ledger.keys.issue(target.customer, Environment.QA, NOW, actor="ada")
    ledger.keys.revoke(api_key.prefix, NOW, actor="bob")
    ledger.keys.revoke(api_key.prefix, NOW, actor="bob")
    with ledger.database.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.id)).all()
    audit_entries = [(row.actor, row.action, row.subject, row.detail) for row in rows][1:]
    assert audit_entries == [
        ("ada", "key issued", api_key.prefix, {"customer": "iqu", "environment": "qa"}),
        ("bob", "key revoked", api_key.prefix, {}),
    ]
    assert key not in str(rows)


def test_only_a_digest_is_stored(ledger: Ledger) -> None:
    ledger.keys.issue("iqu", Environment.QA, NOW)
    with ledger.database.reading() as connection:
        digests = connection.scalars(select(api_keys.c.digest)).all()
    assert [len(digest) for digest in digests] == [64]
