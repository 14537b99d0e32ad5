"""S3 keys rotate: new on the 10th of a quarter's first month, the old one ends on the 20th."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.encryption import SecretCipher
from alumniq_pipelines.adapters.iam import AccessKeys
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.core.access.s3_keys import OVERLAP, S3Key, latest_rotation_day, plan_rotation
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.notification import Audience, Notice
from alumniq_pipelines.core.problems.outage import AccessKeysUnavailable
from alumniq_pipelines.core.problems.setup import UnusableSealingKey
from alumniq_pipelines.services.s3_key_rotation import RotationSummary, S3KeyRotation
from tests.servers.gateway import NOW, Caller, Installation, errors
from tests.two_hosts import PUBLIC_URLS

JANUARY = datetime(2026, 1, 10, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 10, 1, tzinfo=UTC)
PATH = "/api/v1/index.cfm/aws/accesskey"


@pytest.fixture
def iam(s3_endpoint: str) -> Any:
    """Return a client of an IAM without users."""
    client: Any = boto3.client(
        "iam",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    for user in client.list_users()["Users"]:
        name = user["UserName"]
        for key in client.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            client.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        for policy in client.list_user_policies(UserName=name)["PolicyNames"]:
            client.delete_user_policy(UserName=name, PolicyName=policy)
        client.delete_user(UserName=name)
    return client


@pytest.fixture
def rotation(installation: Installation, caller: Caller, iam: Any) -> S3KeyRotation:
    """Return the rotation for one customer."""
    del caller
    cipher = SecretCipher.from_file(installation.settings.encryption_key_file)
    return S3KeyRotation(
        ledger=installation.ledger,
        store=AccessKeys(iam),
        cipher=cipher,
        public_urls=installation.settings.public_urls,
    )


def statuses(iam: Any, user: str = "iqu.qa") -> dict[str, str]:
    """Return the status of a user's keys in IAM, by id."""
    listed = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    return {pair["AccessKeyId"]: pair["Status"] for pair in listed}


def test_each_environment_gets_a_key_of_its_own_for_its_own_folder(
    rotation: S3KeyRotation, iam: Any
) -> None:
    assert rotation.run(JANUARY) == RotationSummary(made=2)
    for environment in Environment:
        policy = iam.get_user_policy(UserName=f"iqu.{environment}", PolicyName="alumniq-folder")
        objects, listing = policy["PolicyDocument"]["Statement"]
        assert objects["Resource"] == f"arn:aws:s3:::iqu-feeds/{environment}/*"
        assert listing["Condition"]["StringLike"]["s3:prefix"] == f"{environment}/*"


def test_both_keys_work_until_the_20th(rotation: S3KeyRotation, iam: Any) -> None:
    rotation.run(JANUARY)
    [old] = statuses(iam)
    assert rotation.run(APRIL) == RotationSummary(made=2)
    assert rotation.run(APRIL + timedelta(days=9)) == RotationSummary()
    assert list(statuses(iam).values()) == ["Active", "Active"]
    assert rotation.run(APRIL + timedelta(days=10)) == RotationSummary(), "the 19th in America"
    assert rotation.run(APRIL + timedelta(days=10, hours=12)) == RotationSummary(ended=2)
    assert rotation.run(APRIL + timedelta(days=11)) == RotationSummary()
    assert statuses(iam)[old] == "Inactive"
    assert rotation.run(datetime(2026, 7, 10, 1, tzinfo=UTC)) == RotationSummary(made=2)


def test_only_a_key_with_a_predecessor_is_announced_with_its_end(rotation: S3KeyRotation) -> None:
    rotation.keys.add_reminder_address("iqu", "it@example.edu", JANUARY)
    rotation.run(JANUARY)
    first = {notice.body for notice in announced(rotation, JANUARY)}
    rotation.run(APRIL)
    later = {notice.body for notice in announced(rotation, APRIL)}

    assert len(first) == len(later) == 2
    assert not any("previous key" in body for body in first)
    assert all("Your previous key ends in 10 days." in body for body in later)


def test_an_address_that_is_recorded_twice_gets_one_mail(rotation: S3KeyRotation) -> None:
    for email in ("it@example.edu", "IT <it@example.edu>", "ann@example.edu; it@example.edu"):
        rotation.keys.add_reminder_address("iqu", email, JANUARY)
    rotation.run(JANUARY)
    mails = Counter(notice.destination for notice in announced(rotation, JANUARY))
    assert mails == {"it@example.edu": 2, "ann@example.edu": 2}, "one for each environment"


def test_a_new_key_is_fetched_at_the_host_of_its_environment(rotation: S3KeyRotation) -> None:
    rotation = replace(rotation, public_urls=PUBLIC_URLS)
    rotation.keys.add_reminder_address("iqu", "it@example.edu", JANUARY)
    rotation.run(JANUARY)
    bodies = {notice.subject: notice.body for notice in announced(rotation, JANUARY)}
    assert len(bodies) == 2
    for environment in Environment:
        body = bodies[f"New S3 key ready (iqu, {environment})"]
        assert f"\nCall: POST {PUBLIC_URLS.of(environment)}{PATH}, with your apiKey" in body


def announced(rotation: S3KeyRotation, now: datetime) -> list[Notice]:
    """Return the notices that are due and were not claimed before."""
    claimed = rotation.ledger.notifications.claim(now, timedelta(365))
    return [notification.notice for notification in claimed]


def test_a_key_pair_that_a_crash_left_unsaved_is_deleted(rotation: S3KeyRotation, iam: Any) -> None:
    rotation.run(JANUARY)
    lost = iam.create_access_key(UserName="iqu.qa")["AccessKey"]["AccessKeyId"]
    rotation.run(APRIL)

    assert lost not in statuses(iam)
    assert len(statuses(iam)) == 2


def test_secrets_are_stored_encrypted_and_never_audited(
    rotation: S3KeyRotation, installation: Installation
) -> None:
    rotation.run(JANUARY)
    ledger = installation.ledger
    [key] = S3Keys(ledger.database, ledger.audit).of("iqu.qa")
    secret = rotation.cipher.decrypt(key.encrypted_secret)

    assert len(secret) == 40
    ledger.close()
    for path in installation.settings.home.glob("ledger.db*"):
        assert secret.encode() not in path.read_bytes()
    assert installation.settings.encryption_key_file.stat().st_mode & 0o077 == 0


def test_the_new_key_is_fetched_by_one_that_works_now(
    client: TestClient, rotation: S3KeyRotation, iam: Any, caller: Caller
) -> None:
    rotation.run(JANUARY)
    [old] = statuses(iam)
    rotation.run(APRIL)
    options = {"apiKey": caller.key, "accessKeyId": old, "emailAddress": "it@example.edu"}
    answer = client.post(PATH, json=options)

    assert answer.status_code == 200
    [new] = set(statuses(iam)) - {old}
    assert answer.json()["accessKeyId"] == new
    assert len(answer.json()["secretAccessKey"]) == 40
    assert answer.json()["oldKeyEndsAt"] == "2026-04-20T01:00:00Z"
    rotation.run(datetime(2026, 7, 10, 1, tzinfo=UTC))
    claimed = rotation.ledger.notifications.claim(NOW + timedelta(days=365), timedelta(1))
    assert {notification.notice.destination for notification in claimed} == {"it@example.edu"}
    assert {notification.notice.audience for notification in claimed} == {Audience.CUSTOMER}


def test_no_s3_key_is_shown_without_a_working_one(
    client: TestClient,
    installation: Installation,
    rotation: S3KeyRotation,
    iam: Any,
    caller: Caller,
) -> None:
    stranger = installation.customer("wwu")
    production = installation.caller("iqu", Environment.PRODUCTION)
    rotation.run(JANUARY)
    [old] = statuses(iam)

    for asker, key_id in ((stranger, old), (production, old), (caller, "AKIANOBODY")):
        answer = client.post(PATH, json={"apiKey": asker.key, "accessKeyId": key_id})
        assert answer.status_code == 404
        assert errors(answer)[0].startswith("The option AccessKeyId is not a valid S3 key")
    missing = client.post(PATH, json={"apiKey": caller.key})
    assert errors(missing) == ["Missing required option: AccessKeyId"]


def test_a_customer_who_still_uses_the_old_key_is_warned_once_before_it_ends(
    rotation: S3KeyRotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = replace(rotation, public_urls=PUBLIC_URLS)
    rotation.run(JANUARY)
    rotation.keys.add_reminder_address("iqu", "it@example.edu", JANUARY)
    rotation.run(APRIL)
    announced(rotation, APRIL)

    def used(*_: object) -> datetime:
        return APRIL + timedelta(days=6)

    monkeypatch.setattr(AccessKeys, "last_used", used)

    assert rotation.run(APRIL + timedelta(days=6)) == RotationSummary()
    assert rotation.run(APRIL + timedelta(days=8)) == RotationSummary(warned=2)
    assert rotation.run(APRIL + timedelta(days=9)) == RotationSummary()
    warnings = [notice.body for notice in announced(rotation, APRIL + timedelta(days=9))]
    for environment in Environment:  # each names the host at which its key is fetched
        assert sum(f"POST {PUBLIC_URLS.of(environment)}{PATH}" in body for body in warnings) == 1


def test_a_store_that_is_away_is_an_outage() -> None:
    away = AccessKeys.at("http://127.0.0.1:9", "us-east-1", "key", "secret")
    with pytest.raises(AccessKeysUnavailable):
        away.last_used("AKIA")


def test_secrets_are_decrypted_by_older_keys_too_and_by_no_others(
    installation: Installation,
) -> None:
    path = installation.settings.encryption_key_file
    encrypted = SecretCipher.from_file(path).encrypt("secret")
    older = path.read_text()
    path.unlink()
    with pytest.raises(UnusableSealingKey):
        SecretCipher.from_file(path).decrypt(encrypted)
    path.write_text(path.read_text() + older)

    assert SecretCipher.from_file(path).decrypt(encrypted) == "secret"


MOMENTS = st.integers(0, 5 * 366 * 24).map(lambda hours: JANUARY + timedelta(hours=hours))


@given(now=MOMENTS, made=st.lists(MOMENTS, max_size=2, unique=True))
def test_no_key_ends_before_its_successor_has_been_there_for_ten_days(
    now: datetime, made: list[datetime]
) -> None:
    keys = [
        S3Key(
            access_key_id=str(n),
            customer="iqu",
            user_name="iqu.qa",
            encrypted_secret="",
            created_at=at,
        )
        for n, at in enumerate(made)
        if at <= now
    ]
    plan = plan_rotation(keys, now)

    assert latest_rotation_day(now) <= now
    assert not plan.make or len(keys) - len(plan.end) < 2
    for ended in plan.end:
        assert any(
            key.created_at > ended.created_at and now - key.created_at >= OVERLAP for key in keys
        )
    if not keys:
        assert plan.make
