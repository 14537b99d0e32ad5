"""S3 keys turn over: new on the 10th of a quarter's first month, the old one off on the 20th."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.encryption import Seal
from alumniq_pipelines.adapters.iam import AccessKeys
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.core.access.s3_keys import OVERLAP, S3Key, latest_turn, turn_due
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.notification import Audience
from alumniq_pipelines.core.problems.outage import AccessKeysUnavailable
from alumniq_pipelines.core.problems.setup import UnusableSealingKey
from alumniq_pipelines.services.s3_key_rotation import Rotated, Rotation
from tests.servers.gateway import NOW, Caller, Installation, errors

JANUARY = datetime(2026, 1, 10, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 10, 1, tzinfo=UTC)
PATH = "/api/v1/index.cfm/aws/accesskey"


@pytest.fixture
def iam(s3_endpoint: str) -> Any:
    """Talk to IAM by hand, with nobody in it."""
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
def rotation(installation: Installation, caller: Caller, iam: Any) -> Rotation:
    """Set rotation up for one customer."""
    del caller
    seal = Seal.at(installation.settings.sealing_key_file)
    return Rotation(installation.ledger, AccessKeys(iam), seal)


def statuses(iam: Any, user: str = "iqu.qa") -> dict[str, str]:
    """Ask IAM for a user's pairs."""
    listed = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    return {each["AccessKeyId"]: each["Status"] for each in listed}


def test_each_environment_gets_a_key_of_its_own_for_its_own_folder(
    rotation: Rotation, iam: Any
) -> None:
    assert rotation.look(JANUARY) == Rotated(made=2)
    for environment in Environment:
        policy = iam.get_user_policy(UserName=f"iqu.{environment}", PolicyName="alumniq-folder")
        objects, listing = policy["PolicyDocument"]["Statement"]
        assert objects["Resource"] == f"arn:aws:s3:::iqu-feeds/{environment}/*"
        assert listing["Condition"]["StringLike"]["s3:prefix"] == f"{environment}/*"


def test_both_keys_work_until_the_20th(rotation: Rotation, iam: Any) -> None:
    rotation.look(JANUARY)
    [old] = statuses(iam)
    assert rotation.look(APRIL) == Rotated(made=2)
    assert rotation.look(APRIL + timedelta(days=9)) == Rotated()
    assert list(statuses(iam).values()) == ["Active", "Active"]
    assert rotation.look(APRIL + timedelta(days=10)) == Rotated(ended=2)
    assert rotation.look(APRIL + timedelta(days=11)) == Rotated()
    assert statuses(iam)[old] == "Inactive"
    assert rotation.look(datetime(2026, 7, 10, 1, tzinfo=UTC)) == Rotated(made=2)


def test_a_pair_that_a_crash_left_unkept_is_taken_away(rotation: Rotation, iam: Any) -> None:
    rotation.look(JANUARY)
    lost = iam.create_access_key(UserName="iqu.qa")["AccessKey"]["AccessKeyId"]
    rotation.look(APRIL)

    assert lost not in statuses(iam)
    assert len(statuses(iam)) == 2


def test_secrets_are_kept_sealed_and_audited_without_themselves(
    rotation: Rotation, installation: Installation
) -> None:
    rotation.look(JANUARY)
    ledger = installation.ledger
    [key] = S3Keys(ledger.database, ledger.audit).of("iqu.qa")
    secret = rotation.seal.opened(key.sealed)

    assert len(secret) == 40
    ledger.close()
    for path in installation.settings.home.glob("ledger.db*"):
        assert secret.encode() not in path.read_bytes()
    assert installation.settings.sealing_key_file.stat().st_mode & 0o077 == 0


def test_the_new_key_is_fetched_by_one_that_works_now(
    client: TestClient, rotation: Rotation, iam: Any, caller: Caller
) -> None:
    rotation.look(JANUARY)
    [old] = statuses(iam)
    rotation.look(APRIL)
    options = {"apiKey": caller.key, "accessKeyId": old, "emailAddress": "it@example.edu"}
    answer = client.post(PATH, json=options)

    assert answer.status_code == 200
    [new] = set(statuses(iam)) - {old}
    assert answer.json()["accessKeyId"] == new
    assert len(answer.json()["secretAccessKey"]) == 40
    assert answer.json()["oldKeyEndsAt"] == "2026-04-20T01:00:00Z"
    rotation.look(datetime(2026, 7, 10, 1, tzinfo=UTC))
    claimed = rotation.ledger.notifications.claim(NOW + timedelta(days=365), timedelta(1))
    assert {each.notice.destination for each in claimed} == {"it@example.edu"}
    assert {each.notice.audience for each in claimed} == {Audience.CUSTOMER}


def test_no_s3_key_is_told_to_who_has_none_that_works(
    client: TestClient, installation: Installation, rotation: Rotation, iam: Any, caller: Caller
) -> None:
    stranger = installation.customer("wwu")
    production = installation.caller("iqu", Environment.PRODUCTION)
    rotation.look(JANUARY)
    [old] = statuses(iam)

    for each, key_id in ((stranger, old), (production, old), (caller, "AKIANOBODY")):
        answer = client.post(PATH, json={"apiKey": each.key, "accessKeyId": key_id})
        assert answer.status_code == 404
        assert errors(answer)[0].startswith("The option AccessKeyId is not a live S3 key")
    missing = client.post(PATH, json={"apiKey": caller.key})
    assert errors(missing) == ["Missing required option: AccessKeyId"]


def test_who_still_uses_the_old_key_is_warned_once_before_it_ends(
    rotation: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation.look(JANUARY)
    rotation.keys.remind("iqu", "it@example.edu", JANUARY)
    rotation.look(APRIL)

    def used(*_: object) -> datetime:
        return APRIL + timedelta(days=6)

    monkeypatch.setattr(AccessKeys, "last_used", used)

    assert rotation.look(APRIL + timedelta(days=6)) == Rotated()
    assert rotation.look(APRIL + timedelta(days=8)) == Rotated(warned=2)
    assert rotation.look(APRIL + timedelta(days=9)) == Rotated()


def test_a_store_that_is_away_is_an_outage() -> None:
    away = AccessKeys.at("http://127.0.0.1:9", "us-east-1", "key", "secret")
    with pytest.raises(AccessKeysUnavailable):
        away.last_used("AKIA")


def test_seals_are_opened_by_older_keys_too_and_by_no_others(installation: Installation) -> None:
    path = installation.settings.sealing_key_file
    sealed = Seal.at(path).closed("secret")
    older = path.read_text()
    path.unlink()
    with pytest.raises(UnusableSealingKey):
        Seal.at(path).opened(sealed)
    path.write_text(path.read_text() + older)

    assert Seal.at(path).opened(sealed) == "secret"


MOMENTS = st.integers(0, 5 * 366 * 24).map(lambda hours: JANUARY + timedelta(hours=hours))


@given(now=MOMENTS, made=st.lists(MOMENTS, max_size=2, unique=True))
def test_no_key_ends_before_its_successor_has_been_there_for_ten_days(
    now: datetime, made: list[datetime]
) -> None:
    keys = [S3Key(str(n), "iqu", "iqu.qa", "", at) for n, at in enumerate(made) if at <= now]
    turn = turn_due(keys, now)

    assert latest_turn(now) <= now
    assert not turn.make or len(keys) - len(turn.end) < 2
    for ended in turn.end:
        assert any(
            each.created_at > ended.created_at and now - each.created_at >= OVERLAP for each in keys
        )
    if not keys:
        assert turn.make
