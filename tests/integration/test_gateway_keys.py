"""A key gives access to one environment of one customer and to nothing else."""

import json
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.target import Environment
from tests.servers.gateway import DAYS, NOW, WEBHOOK, Caller, Installation, call, errors


@pytest.mark.parametrize("key", ["nope", "é", "x" * 10_000, "aq_test_", "\ud800", "k\0", "'--"])
def test_without_a_valid_key_only_that_is_reported(
    client: TestClient, caller: Caller, key: str
) -> None:
    body = json.dumps({"apiKey": key, "notifyEmail": "you"})
    response = client.post(WEBHOOK.replace("warehouse", "no-such-job"), content=body)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    [message] = errors(response)
    assert message.startswith("The API key is not valid here.")
    assert DAYS not in response.headers
    assert caller.installation.loads() == []


def test_a_missing_key_gets_the_message_of_the_contract(client: TestClient) -> None:
    response = client.post(WEBHOOK, json={"filename": "warehouse.csv"})

    assert response.status_code == 401
    assert errors(response) == ["Missing required option: ApiKey"]


def test_a_key_sent_twice_with_two_values_is_refused(client: TestClient, caller: Caller) -> None:
    response = client.post(WEBHOOK, content=f'{{"apiKey":"{caller.key}","APIKEY":"other"}}')

    assert response.status_code == 400
    [message] = errors(response)
    assert message.startswith("The option ApiKey was sent more than once")


def test_a_revoked_or_expired_key_gives_no_access(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    expired = installation.caller("iqu", Environment.QA, NOW - timedelta(days=365))
    revoked = installation.caller("iqu", Environment.QA)
    installation.ledger.keys.revoke(revoked.key[:12], NOW)

    assert [call(client, key).status_code for key in (expired, revoked, caller)] == [
        401,
        401,
        200,
    ]


def test_every_response_to_a_valid_key_has_its_remaining_days(
    client: TestClient, caller: Caller
) -> None:
    bearer = {"Authorization": f"bearer {caller.key}"}
    responses = [
        call(client, caller),
        call(client, caller, filename="nothing.csv"),
        client.post(WEBHOOK, headers=bearer, content=b"{"),
        client.post(WEBHOOK, headers=bearer, content=b"x" * 70_000),
    ]

    assert [response.status_code for response in responses] == [200, 400, 400, 413]
    assert [response.headers[DAYS] for response in responses] == ["365"] * 4


def test_a_key_reaches_only_its_own_environment(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    production = installation.caller("iqu", Environment.PRODUCTION)
    production.deliver("gifts.csv")

    for filename in ("gifts.csv", "../production/warehouse/gifts.csv", "production/gifts.csv"):
        assert call(client, caller, filename=filename).status_code == 400
    assert call(client, production, filename="warehouse.csv").status_code == 400
    assert call(client, production, filename="gifts.csv").status_code == 200
    [load] = installation.loads()
    assert load.target.environment is Environment.PRODUCTION


def test_a_key_finds_and_names_no_file_of_another_customer(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    other = installation.customer("wwu")
    caller.deliver("secret-campaign.csv")

    for filename in (
        "secret-campaign.csv",
        "secret-campaign.csvv",
        "../../../iqu-feeds/qa/warehouse/secret-campaign.csv",
        "/iqu-feeds/qa/warehouse/secret-campaign.csv",
    ):
        response = call(client, other, filename=filename)
        assert response.status_code == 400
        assert "Did you mean" not in response.text
        assert "iqu" not in response.text.replace(filename, "")
    assert installation.loads() == []


def test_a_link_out_of_the_bucket_is_no_file(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    other = installation.customer("wwu")
    folder = installation.settings.buckets_dir / "wwu-feeds/qa/warehouse"
    target = installation.settings.buckets_dir / "iqu-feeds/qa/warehouse/warehouse.csv"
    (folder / "warehouse.csv").symlink_to(target)

    response = call(client, other)

    assert response.status_code == 400
    assert len(errors(response)) == 1
    assert caller.installation.loads() == []
