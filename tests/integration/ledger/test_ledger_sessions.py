"""Sessions and staff accounts, on every engine."""

from datetime import UTC, datetime, timedelta

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.session import LIFETIME
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.target import Environment

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


def key_session(ledger: Ledger) -> tuple[str, str]:
    ledger.customers.add(Customer("iqu", "IQ University", "alumniq-iqu"), NOW)
    _, key = ledger.keys.issue("iqu", Environment.QA, NOW)
    return ledger.sessions.begin_with_key(key, NOW), key.prefix


def test_a_session_sees_what_its_key_opens(ledger: Ledger) -> None:
    token, prefix = key_session(ledger)
    session = ledger.sessions.find(token, NOW)
    assert session
    assert (session.customer, session.environment) == ("iqu", Environment.QA)
    assert (session.staff, session.key_prefix, session.actor) == (None, prefix, f"key {prefix}")


def test_a_session_ends_by_itself(ledger: Ledger) -> None:
    token, _ = key_session(ledger)
    assert ledger.sessions.find(token, NOW + LIFETIME - timedelta(seconds=1))
    assert ledger.sessions.find(token, NOW + LIFETIME) is None


def test_a_session_ends_with_its_key(ledger: Ledger) -> None:
    token, prefix = key_session(ledger)
    ledger.keys.revoke(prefix, NOW)
    assert ledger.sessions.find(token, NOW) is None


def test_a_customers_session_cannot_look_at_another_customer(ledger: Ledger) -> None:
    token, _ = key_session(ledger)
    ledger.customers.add(Customer("ocu", "Other", "alumniq-ocu"), NOW)
    ledger.sessions.switch_customer(token, "ocu", Environment.PRODUCTION)
    session = ledger.sessions.find(token, NOW)
    assert session
    assert (session.customer, session.environment) == ("iqu", Environment.QA)


def test_staff_look_at_one_customer_after_another(ledger: Ledger) -> None:
    key_session(ledger)
    ledger.staff.set("ada", "hash", NOW)
    token = ledger.sessions.begin_as_staff("ada", NOW)
    session = ledger.sessions.find(token, NOW)
    assert session
    assert (session.customer, session.actor) == (None, "staff ada")
    ledger.sessions.switch_customer(token, "iqu", Environment.QA)
    session = ledger.sessions.find(token, NOW)
    assert session
    assert session.customer == "iqu"


def test_a_disabled_account_is_out_at_once_and_a_new_password_signs_out(ledger: Ledger) -> None:
    ledger.staff.set("ada", "hash", NOW)
    first = ledger.sessions.begin_as_staff("ada", NOW)
    ledger.staff.set("ada", "another", NOW)
    assert ledger.sessions.find(first, NOW) is None
    second = ledger.sessions.begin_as_staff("ada", NOW)
    assert ledger.staff.disable("ada", NOW)
    assert not ledger.staff.disable("ada", NOW)
    assert ledger.sessions.find(second, NOW) is None
    assert ledger.staff.password_hash("ada") is None
    assert [account.name for account in ledger.staff.all()] == ["ada"]


def test_nobody_has_the_session_of_a_token_that_was_never_made(ledger: Ledger) -> None:
    key_session(ledger)
    for token in ("", "x", "é", "\udc80"):
        assert ledger.sessions.find(token, NOW) is None
