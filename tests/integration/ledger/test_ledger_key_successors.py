"""Of one origin there are never more than three live keys, however many ask at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest
from alembic import command
from sqlalchemy import select

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.schema_upgrade import alembic_config
from alumniq_pipelines.adapters.ledger.tables import notifications
from alumniq_pipelines.core.access.api_keys import EXCHANGE_WINDOW, OVERLAP, ApiKey, KeyScope
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.staff import Staff, mail_recipients
from alumniq_pipelines.core.problems.api import KeyReplacedAlready
from alumniq_pipelines.services.key_issuance import KeyIssuance
from tests.integration.ledger.conftest import NOW

pytestmark = pytest.mark.usefixtures("target")

STAFF = Staff(mail_recipients(("staff@alumniq.example",)))
THREADS = 8
OWNER = "feeds@example.edu"


@pytest.fixture
def key(ledger: Ledger) -> ApiKey:
    _, issued = ledger.keys.issue("iqu", Environment.QA, NOW, scope=KeyScope(email=OWNER))
    return issued


def exchange(ledger: Ledger, key: ApiKey, minutes: float = 0) -> ApiKey:
    now = NOW + timedelta(minutes=minutes)
    return KeyIssuance(ledger, STAFF).exchange(key, "", now)[1]


def live(ledger: Ledger, minutes: float = 0) -> list[str]:
    now = NOW + timedelta(minutes=minutes)
    return [known.prefix for known in ledger.keys.of("iqu") if known.is_live(now)]


def notified(ledger: Ledger) -> list[str]:
    with ledger.database.reading() as connection:
        return sorted(connection.scalars(select(notifications.c.destination)))


def at_once(ledger_url: str, ask: Callable[[Ledger], ApiKey]) -> list[ApiKey]:
    """Request successors from several threads, each with its own ledger, until all are refused."""

    def exchange_repeatedly(_: int) -> list[ApiKey]:
        made: list[ApiKey] = []
        with closing(Ledger.open(ledger_url)) as own:
            for _ in range(3):
                try:
                    made.append(ask(own))
                except KeyReplacedAlready:
                    return made
        return made

    with ThreadPoolExecutor(THREADS) as pool:
        return [key for made in pool.map(exchange_repeatedly, range(THREADS)) for key in made]


def test_however_many_exchange_a_key_at_once_it_has_two_live_successors(
    ledger: Ledger, ledger_url: str, key: ApiKey
) -> None:
    made = at_once(ledger_url, lambda own: exchange(own, key))

    assert len(made) == 2
    assert set(live(ledger)) == {key.prefix, *(known.prefix for known in made)}
    assert notified(ledger) == sorted(
        [OWNER, *(recipient.destination for recipient in STAFF.recipients)] * 2
    )


def test_exchanging_each_new_key_at_once_ends_with_three_live_keys(
    ledger: Ledger, ledger_url: str, key: ApiKey
) -> None:
    def exchange_any(own: Ledger) -> ApiKey:
        newest = own.keys.of("iqu")[0]
        return exchange(own, newest)

    at_once(ledger_url, exchange_any)

    assert len(live(ledger)) == 3
    assert key.prefix in live(ledger)


def test_a_lost_answer_can_be_asked_for_once_more_and_only_soon(
    ledger: Ledger, key: ApiKey
) -> None:
    window = EXCHANGE_WINDOW.total_seconds() / 60
    first = exchange(ledger, key)
    with pytest.raises(KeyReplacedAlready, match=first.prefix):
        exchange(ledger, key, window)
    second = exchange(ledger, key, window - 1)
    with pytest.raises(KeyReplacedAlready) as refused:
        exchange(ledger, key, window - 1)

    assert first.prefix in str(refused.value)
    assert second.prefix in str(refused.value)
    assert f"{NOW:%Y-%m-%d %H:%M} UTC" in str(refused.value)
    assert len(live(ledger, window)) == 3


def test_a_revoked_successor_makes_room_for_another(ledger: Ledger, key: ApiKey) -> None:
    first = exchange(ledger, key)
    assert ledger.keys.revoke(first.prefix, NOW)
    known = ledger.keys.get(key.prefix)
    assert known is not None
    assert known.replaced_by is None, "its owner is warned again before it expires"

    second, third = exchange(ledger, key, 60), exchange(ledger, key, 61)
    assert ledger.keys.revoke(third.prefix, NOW + timedelta(minutes=62))

    known = ledger.keys.get(key.prefix)
    assert known is not None
    assert known.replaced_by == second.prefix
    assert known.expires_at == NOW + OVERLAP, "it never ends later than was said first"


def test_people_are_bound_by_the_number_and_not_by_the_time(ledger: Ledger, key: ApiKey) -> None:
    for _ in range(2):
        ledger.keys.rotate(key, NOW + timedelta(days=1))
    with pytest.raises(KeyReplacedAlready):
        ledger.keys.rotate(key, NOW + timedelta(days=1))


def test_keys_of_another_origin_do_not_count(ledger: Ledger, key: ApiKey) -> None:
    for _ in range(3):
        ledger.keys.issue("iqu", Environment.QA, NOW)
    assert exchange(ledger, key).replaces == key.prefix


def test_a_fresh_key_keeps_the_limits_of_the_old_one(ledger: Ledger) -> None:
    scope = KeyScope(("warehouse",), ("10.20.0.0/16",), OWNER)
    _, old = ledger.keys.issue("iqu", Environment.QA, NOW, scope=scope)
    fresh = exchange(ledger, old)
    assert (fresh.limits, fresh.email, fresh.environment) == (old.limits, OWNER, Environment.QA)


def test_the_migration_finds_the_successors_of_old_keys(ledger: Ledger, key: ApiKey) -> None:
    fresh = exchange(ledger, key)
    with ledger.database.writing() as connection:
        command.downgrade(alembic_config(connection), "0007")
    ledger.migrate()
    known = {api_key.prefix: api_key.replaces for api_key in ledger.keys.of("iqu")}
    assert known == {key.prefix: None, fresh.prefix: key.prefix}
