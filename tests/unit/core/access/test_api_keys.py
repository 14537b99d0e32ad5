from datetime import UTC, datetime, timedelta

import pytest

from alumniq_pipelines.core.access.api_keys import PREFIX_LENGTH, ApiKey, digest, new_api_key
from alumniq_pipelines.core.loads.target import Environment

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = ApiKey(
    prefix="aq_live_1234",
    customer="iqu",
    environment=Environment.PRODUCTION,
    created_at=NOW,
    expires_at=NOW + 365 * DAY,
)


@pytest.mark.parametrize(
    ("environment", "head"), [(Environment.PRODUCTION, "aq_live_"), (Environment.QA, "aq_test_")]
)
def test_a_key_names_its_environment_for_the_eye(environment: Environment, head: str) -> None:
    assert new_api_key(environment).startswith(head)


def test_a_key_holds_256_random_bits_beyond_its_head() -> None:
    keys = {new_api_key(Environment.QA) for _ in range(1_000)}
    assert len(keys) == 1_000
    assert {len(key) for key in keys} == {len("aq_test_") + 43}


def test_what_lists_show_leaves_the_secret_unguessable() -> None:
    hidden = len(new_api_key(Environment.QA)) - PREFIX_LENGTH
    assert hidden * 6 >= 230


def test_a_digest_is_sha256_in_hex() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_whatever_was_sent_as_a_key_has_a_digest() -> None:
    assert len({digest(key) for key in ("", "\ud800", "\0", "ключ")}) == 4


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (NOW, 365),
        (NOW + timedelta(seconds=1), 364),
        (NOW + 364 * DAY, 1),
        (NOW + 365 * DAY - timedelta(microseconds=1), 0),
    ],
)
def test_a_key_opens_until_it_expires_and_counts_whole_days(now: datetime, days: int) -> None:
    assert KEY.is_live(now)
    assert KEY.days_remaining(now) == days


@pytest.mark.parametrize("now", [NOW + 365 * DAY, NOW + 400 * DAY])
def test_an_expired_key_opens_nothing_and_has_no_days_left(now: datetime) -> None:
    assert not KEY.is_live(now)
    assert KEY.days_remaining(now) == 0


def test_a_revoked_key_opens_nothing() -> None:
    revoked = ApiKey(
        prefix="aq_live_1234",
        customer="iqu",
        environment=Environment.QA,
        created_at=NOW,
        expires_at=NOW + DAY,
        revoked_at=NOW,
    )
    assert not revoked.is_live(NOW)
