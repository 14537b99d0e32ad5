"""Before a key expires, whoever it belongs to is told, on four days, once each."""

from datetime import datetime, timedelta

import pytest

from alumniq_pipelines.core.keys import NOTICE_DAYS, KeyScope
from alumniq_pipelines.core.notification import Channel
from alumniq_pipelines.core.staff import Staff
from alumniq_pipelines.core.target import Environment
from alumniq_pipelines.defs.key_sensor import tell_of_expiring_keys
from tests.servers.gateway import NOW, Installation

STAFF = Staff(("staff@alumniq.example",))


def tell(installation: Installation, now: datetime) -> int:
    """Tick once."""
    return tell_of_expiring_keys(installation.ledger, STAFF, "https://feeds.example", now)


def owed(installation: Installation) -> list[tuple[str, str]]:
    """Take what is owed by now: to whom, and about what."""
    claimed = installation.ledger.notifications.claim(NOW + timedelta(days=400), timedelta(days=1))
    return [(each.notice.destination, each.notice.subject) for each in claimed]


@pytest.fixture
def key(installation: Installation) -> str:
    """Issue a key for a hundred days; answer its first characters."""
    installation.customer()
    scope = KeyScope(email="feeds@example.edu")
    _, kept = installation.ledger.keys.issue("iqu", Environment.QA, NOW, 100, scope=scope)
    return kept.prefix


@pytest.mark.usefixtures("key")
def test_a_key_is_told_of_on_four_days_however_often_somebody_looks(
    installation: Installation,
) -> None:
    told = [
        day
        for day in range(101)
        for hour in (0, 12)
        if tell(installation, NOW + timedelta(days=day, hours=hour))
    ]

    assert told == [100 - days for days in NOTICE_DAYS]
    notices = owed(installation)
    to_customer = {subject for address, subject in notices if address == "feeds@example.edu"}
    spans = ("30 days", "14 days", "7 days", "1 day")
    assert to_customer == {f"Your API key expires in {span} (iqu, qa)" for span in spans}
    assert len(notices) == 8


@pytest.mark.usefixtures("key")
def test_what_was_due_while_nobody_looked_is_told_once_and_no_older_day_with_it(
    installation: Installation,
) -> None:
    assert tell(installation, NOW + timedelta(days=95)) == 1
    assert tell(installation, NOW + timedelta(days=96)) == 0
    assert "Your API key expires in 7 days (iqu, qa)" in dict(owed(installation)).values()


def test_a_key_that_was_replaced_or_revoked_needs_nobodys_attention(
    installation: Installation, key: str
) -> None:
    old = installation.ledger.keys.get(key)
    assert old is not None
    installation.ledger.keys.rotate(old, NOW + timedelta(days=60))
    _, other = installation.ledger.keys.issue("iqu", Environment.QA, NOW, 100)
    installation.ledger.keys.revoke(other.prefix, NOW)

    assert tell(installation, NOW + timedelta(days=73)) == 0


def test_a_notice_holds_no_key(installation: Installation, key: str) -> None:
    tell(installation, NOW + timedelta(days=99, hours=1))
    claimed = installation.ledger.notifications.claim(
        NOW + timedelta(days=99, hours=2), timedelta(1)
    )

    mail = next(each.notice for each in claimed if each.notice.destination == "feeds@example.edu")
    assert mail.channel is Channel.MAIL
    assert f"begins with {key} " in mail.body
    assert "https://feeds.example/api/v1/index.cfm/exchange" in mail.body
