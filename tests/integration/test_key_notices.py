"""Owners and staff are notified before a key expires: on four days, once each."""

from datetime import datetime, timedelta

import pytest

from alumniq_pipelines.core.access.api_keys import NOTICE_DAYS, ApiKey, KeyScope
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.notification import Channel
from alumniq_pipelines.core.notifications.staff import Staff, mail_recipients
from alumniq_pipelines.core.problems.api import KeyReplacedAlready
from alumniq_pipelines.defs.sensors.api_key_expiry import enqueue_expiry_notices
from alumniq_pipelines.services.key_issuance import KeyIssuance
from tests.servers.gateway import NOW, Installation

STAFF = Staff(mail_recipients(("staff@alumniq.example",)))


def announce(installation: Installation, now: datetime) -> int:
    """Enqueue the notices that are due, as a tick of the sensor does."""
    return enqueue_expiry_notices(
        installation.ledger, STAFF, PublicUrls.shared("https://feeds.example"), now
    )


def pending_notices(installation: Installation) -> list[tuple[str, str]]:
    """Return the recipient and subject of each pending notice."""
    claimed = installation.ledger.notifications.claim(NOW + timedelta(days=400), timedelta(days=1))
    return [
        (notification.notice.destination, notification.notice.subject) for notification in claimed
    ]


@pytest.fixture
def key(installation: Installation) -> str:
    """Issue a key for a hundred days and return its first characters."""
    installation.customer()
    scope = KeyScope(email="feeds@example.edu")
    _, api_key = installation.ledger.keys.issue("iqu", Environment.QA, NOW, 100, scope=scope)
    return api_key.prefix


@pytest.mark.usefixtures("key")
def test_an_expiring_key_is_announced_on_four_days_however_often_the_check_runs(
    installation: Installation,
) -> None:
    days_left = [
        day
        for day in range(101)
        for hour in (0, 12)
        if announce(installation, NOW + timedelta(days=day, hours=hour))
    ]

    assert days_left == [100 - days for days in NOTICE_DAYS]
    notices = pending_notices(installation)
    to_customer = {subject for address, subject in notices if address == "feeds@example.edu"}
    spans = ("30 days", "14 days", "7 days", "1 day")
    assert to_customer == {f"Your API key expires in {span} (iqu, qa)" for span in spans}
    assert len(notices) == 8


@pytest.mark.usefixtures("key")
def test_a_missed_key_notice_is_sent_once_and_older_days_are_skipped(
    installation: Installation,
) -> None:
    assert announce(installation, NOW + timedelta(days=95)) == 1
    assert announce(installation, NOW + timedelta(days=96)) == 0
    assert (
        "Your API key expires in 5 days (iqu, qa)" in dict(pending_notices(installation)).values()
    )


@pytest.mark.parametrize(
    ("lifetime", "after", "span"),
    [
        (100, timedelta(days=70), "30 days"),
        (100, timedelta(days=82, hours=1), "18 days"),
        (100, timedelta(days=99, hours=23), "1 day"),
        (3, timedelta(), "3 days"),
    ],
)
def test_a_key_notice_tells_how_long_the_key_lasts_and_not_when_the_notice_was_planned(
    installation: Installation, lifetime: int, after: timedelta, span: str
) -> None:
    """After a weekend without a daemon, seven days were announced and five were left."""
    installation.customer()
    scope = KeyScope(email="feeds@example.edu")
    installation.ledger.keys.issue("iqu", Environment.QA, NOW, lifetime, scope=scope)
    assert announce(installation, NOW + after) == 1
    notices = dict(pending_notices(installation))
    assert notices["feeds@example.edu"] == f"Your API key expires in {span} (iqu, qa)"


def use(installation: Installation, key: str, days: float) -> None:
    assert installation.ledger.keys.find(key, NOW + timedelta(days=days)) is not None


def days_notified(installation: Installation, days: range) -> list[int]:
    """Tick at noon of each day; return the days on which notices were enqueued."""
    return [day for day in days if announce(installation, NOW + timedelta(days=day, hours=12))]


def exchange(installation: Installation, old: ApiKey, days: float) -> tuple[str, ApiKey]:
    return KeyIssuance(installation.ledger, Staff()).exchange(old, "", NOW + timedelta(days=days))


def test_a_replaced_key_that_is_no_longer_used_or_is_revoked_gives_no_warning(
    installation: Installation,
) -> None:
    installation.customer()
    text, old = installation.ledger.keys.issue("iqu", Environment.QA, NOW, 300)
    use(installation, text, 59)
    successor, _ = installation.ledger.keys.rotate(old, NOW + timedelta(days=60))
    use(installation, successor, 61)
    _, other = installation.ledger.keys.issue("iqu", Environment.QA, NOW, 100)
    installation.ledger.keys.revoke(other.prefix, NOW)

    assert days_notified(installation, range(60, 75)) == []


@pytest.mark.parametrize("is_replaced_twice", [False, True])
def test_a_client_that_lost_the_response_of_an_exchange_is_warned_before_its_key_ends(
    installation: Installation, *, is_replaced_twice: bool
) -> None:
    """Its nightly exchange is refused as a repeated one, until the key has ended."""
    installation.customer()
    scope = KeyScope(email="feeds@example.edu")
    text, old = installation.ledger.keys.issue("iqu", Environment.QA, NOW, 365, scope=scope)
    _, successor = exchange(installation, old, 60)
    if is_replaced_twice:
        _, successor = exchange(installation, old, 60 + 5 / 1_440)
    for night in range(61, 74):
        use(installation, text, night)
        with pytest.raises(KeyReplacedAlready):
            exchange(installation, old, night)

    installation.ledger.notifications.claim(NOW + timedelta(days=61), timedelta(days=400))
    assert days_notified(installation, range(60, 75)) == [67, 73]
    sent = installation.ledger.notifications.claim(NOW + timedelta(days=74), timedelta(days=1))
    to = [notification.notice.destination for notification in sent]
    assert sorted(to) == ["feeds@example.edu"] * 2 + ["staff@alumniq.example"] * 2
    for notification in sent:
        body = notification.notice.body
        assert old.prefix in body
        assert f"replaced by {successor.prefix}…" in body
        assert f"{NOW + timedelta(days=74):%Y-%m-%d}" in body
        assert "What to do: " in body
        assert text not in body


def test_a_key_that_is_used_beside_its_successor_gives_a_warning(
    installation: Installation,
) -> None:
    installation.customer()
    text, old = installation.ledger.keys.issue("iqu", Environment.QA, NOW, 365)
    fresh, _ = exchange(installation, old, 60)
    use(installation, fresh, 61)
    use(installation, text, 62)

    assert days_notified(installation, range(60, 75)) == [67, 73]


def test_a_key_that_ends_soon_after_it_was_replaced_gives_warnings_on_later_days_only(
    installation: Installation,
) -> None:
    """On the earlier days there was no time yet to use the successor."""
    installation.customer()
    _, old = installation.ledger.keys.issue("iqu", Environment.QA, NOW, 365)
    installation.ledger.keys.rotate(old, NOW + timedelta(days=60), overlap=timedelta(days=5))

    assert days_notified(installation, range(60, 75)) == [64]


def test_a_notice_holds_no_key(installation: Installation, key: str) -> None:
    announce(installation, NOW + timedelta(days=99, hours=1))
    claimed = installation.ledger.notifications.claim(
        NOW + timedelta(days=99, hours=2), timedelta(1)
    )

    mail = next(
        notification.notice
        for notification in claimed
        if notification.notice.destination == "feeds@example.edu"
    )
    assert mail.channel is Channel.MAIL
    assert f"begins with {key} " in mail.body
    assert "https://feeds.example/api/v1/index.cfm/exchange" in mail.body
