"""The webhook against a real ledger, real buckets and the real field maps."""

import json
import logging
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.load import LoadState
from alumniq_pipelines.core.target import Environment, Target
from tests.servers.gateway import NOW, WEBHOOK, Caller, Installation

DAYS = "x-api-key-days-remaining"


def call(client: TestClient, caller: Caller, path: str = WEBHOOK, **options: Any) -> Any:
    """Send a call as the documentation has it, by default one that is accepted."""
    body = {"apiKey": caller.key, "filename": "warehouse.csv"} | options
    return client.post(path, json=body)


def errors(response: Any) -> list[str]:
    """Check that a refusal has the one shape, and answer what it says."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["errors"]
    assert body["errors"]
    assert all(isinstance(each, str) and each for each in body["errors"])
    told: list[str] = body["errors"]
    return told


def test_an_accepted_call_is_a_queued_load_with_what_was_seen(
    client: TestClient, caller: Caller
) -> None:
    url = "https://hooks.example.com/x?y=z"
    response = call(client, caller, notifyEmail=" you@example.edu ", notifyWebhook=url)

    assert response.status_code == 200
    [load] = caller.installation.loads()
    assert load.job_id == response.json()["jobId"]
    assert load.state is LoadState.QUEUED
    assert load.accepted_at == NOW
    assert load.target == Target("iqu", Environment.QA, "warehouse")
    assert load.request.size_bytes == 8
    bucket = caller.installation.buckets.open("iqu-feeds")
    stored = bucket.head("qa/warehouse/warehouse.csv")
    assert stored is not None
    assert load.request.etag == stored.etag
    assert (load.request.notify_email, load.request.notify_webhook) == ("you@example.edu", url)


def test_everything_that_is_wrong_is_told_at_once_in_one_order(
    client: TestClient, caller: Caller
) -> None:
    path = WEBHOOK.replace("warehouse", "sudo_make_me_a_sandwich")
    response = call(client, caller, path, filename=" ", notifyEmail="you", notifyWebhook="you")

    assert response.status_code == 400
    job, filename, email, webhook = errors(response)
    assert job == "Invalid Job Name: sudo_make_me_a_sandwich"
    assert filename == "Missing required option: Filename"
    assert email.startswith("The option NotifyEmail is not an e-mail address.")
    assert webhook.startswith("The option NotifyWebhook does not start with https://.")
    assert caller.installation.loads() == []


def test_for_an_unknown_job_no_file_is_looked_for(client: TestClient, caller: Caller) -> None:
    path = WEBHOOK.replace("warehouse", "sudo_make_me_a_sandwich")
    response = call(client, caller, path, filename="nothing.csv")

    assert errors(response) == ["Invalid Job Name: sudo_make_me_a_sandwich"]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("Warehouse.CSV", "warehouse.csv"),
        ("warehouse.cvs", "warehouse.csv"),
        ("warehouse.csv.gz", "warehouse.csv"),
        ("ware_house.csv", "warehouse.csv"),
    ],
)
def test_a_missing_file_is_refused_with_the_name_that_was_meant(
    client: TestClient, caller: Caller, sent: str, meant: str
) -> None:
    [told] = errors(call(client, caller, filename=sent))

    assert told == f"The file {sent} was not found in qa/warehouse/. Did you mean {meant}?"


def test_where_no_name_comes_near_none_is_shown(client: TestClient, caller: Caller) -> None:
    [told] = errors(call(client, caller, filename="gifts-2026.zip"))

    assert "warehouse.csv" not in told
    assert told.endswith("Upload it first, then call again.")


def test_the_same_call_twice_makes_two_loads(client: TestClient, caller: Caller) -> None:
    first, second = call(client, caller).json(), call(client, caller).json()

    assert first["jobId"] != second["jobId"]
    assert len(caller.installation.loads()) == 2


def test_fifty_calls_at_once_make_fifty_loads(client: TestClient, caller: Caller) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: call(client, caller), range(50)))

    job_ids = {answer.json()["jobId"] for answer in answers}
    assert len(job_ids) == 50
    assert {load.job_id for load in caller.installation.loads()} == job_ids


# Keys


@pytest.mark.parametrize("key", ["nope", "é", "x" * 10_000, "aq_test_", "\ud800", "k\0", "'--"])
def test_who_has_no_valid_key_learns_only_that(
    client: TestClient, caller: Caller, key: str
) -> None:
    body = json.dumps({"apiKey": key, "notifyEmail": "you"})
    response = client.post(WEBHOOK.replace("warehouse", "no-such-job"), content=body)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    [told] = errors(response)
    assert told.startswith("The API key is not valid here.")
    assert DAYS not in response.headers
    assert caller.installation.loads() == []


def test_who_sends_no_key_is_told_so_in_the_contracts_words(client: TestClient) -> None:
    response = client.post(WEBHOOK, json={"filename": "warehouse.csv"})

    assert response.status_code == 401
    assert errors(response) == ["Missing required option: ApiKey"]


def test_a_key_sent_twice_with_two_values_is_refused(client: TestClient, caller: Caller) -> None:
    response = client.post(WEBHOOK, content=f'{{"apiKey":"{caller.key}","APIKEY":"other"}}')

    assert response.status_code == 400
    [told] = errors(response)
    assert told.startswith("The option ApiKey was sent more than once")


def test_a_revoked_or_expired_key_opens_nothing(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    expired = installation.caller("iqu", Environment.QA, NOW - timedelta(days=365))
    revoked = installation.caller("iqu", Environment.QA)
    installation.ledger.keys.revoke(revoked.key[:12], NOW)

    assert [call(client, each).status_code for each in (expired, revoked, caller)] == [
        401,
        401,
        200,
    ]


def test_every_answer_to_a_valid_key_tells_its_days(client: TestClient, caller: Caller) -> None:
    bearer = {"Authorization": f"bearer {caller.key}"}
    answers = [
        call(client, caller),
        call(client, caller, filename="nothing.csv"),
        client.post(WEBHOOK, headers=bearer, content=b"{"),
        client.post(WEBHOOK, headers=bearer, content=b"x" * 70_000),
    ]

    assert [each.status_code for each in answers] == [200, 400, 400, 413]
    assert [each.headers[DAYS] for each in answers] == ["365"] * 4


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


# What HTTP and clients come up with


@pytest.mark.parametrize(
    ("filename", "told"),
    [
        (5, "The option Filename is not text."),
        (True, "The option Filename is not text."),
        (["warehouse.csv"], "The option Filename is not text."),
        ({"name": "warehouse.csv"}, "The option Filename is not text."),
        (None, "Missing required option: Filename"),
        ("\ud800.csv", "The filename holds characters that cannot be printed."),
        ("ware\0house.csv", "The filename holds characters that cannot be printed."),
        ("../warehouse.csv", "The filename is a path that leads elsewhere."),
        ("x" * 2_000, "The filename is longer than 1,024 bytes with its folder."),
        ("warehouse", "The file warehouse was not found in qa/warehouse/."),
    ],
    ids=ascii,
)
def test_odd_filenames_are_refused(
    client: TestClient, caller: Caller, filename: object, told: str
) -> None:
    body = json.dumps({"apiKey": caller.key, "filename": filename})
    response = client.post(WEBHOOK, content=body)

    assert response.status_code == 400
    [error] = errors(response)
    assert error.startswith(told)


def test_a_slash_at_the_end_is_the_same_address(client: TestClient, caller: Caller) -> None:
    """A redirect would turn the POST into a GET."""
    assert call(client, caller, f"{WEBHOOK}/").status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    response = client.request(method, WEBHOOK)

    assert response.status_code == 405
    assert response.headers["allow"] == "POST, OPTIONS"
    if method != "HEAD":
        assert errors(response) == ["The URL does not take this method. Use POST."]


def test_options_tells_the_methods(client: TestClient) -> None:
    response = client.options(WEBHOOK)

    assert (response.status_code, response.headers["allow"]) == (204, "POST, OPTIONS")
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1/index.cfm/webhook",
        "/api/v1/index.cfm/webhook/",
        f"{WEBHOOK}/more",
        "//",
    ],
)
def test_other_addresses_are_unknown(client: TestClient, path: str) -> None:
    response = client.post(path)

    assert response.status_code == 404
    [told] = errors(response)
    assert told.startswith("There is nothing at this URL.")


def test_a_url_without_end_is_refused(client: TestClient) -> None:
    response = client.post(f"{WEBHOOK}?{'x' * 9_000}")

    assert response.status_code == 414
    assert len(errors(response)) == 1


def test_a_body_without_end_is_refused_before_it_is_held(
    client: TestClient, caller: Caller
) -> None:
    taken = 0

    def endless() -> Any:
        nonlocal taken
        for taken in range(1_000):  # noqa: B007 - counts what was taken
            yield b" " * 10_000

    response = client.post(WEBHOOK, content=endless())

    assert response.status_code == 413
    assert len(errors(response)) == 1
    assert caller.installation.loads() == []


def test_every_answer_carries_the_security_headers(client: TestClient, caller: Caller) -> None:
    for response in (call(client, caller), client.post("/"), client.get("/livez")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in response.headers["content-security-policy"]


def test_answers_are_compressed_for_who_accepts_it(client: TestClient, caller: Caller) -> None:
    compressed = call(client, caller)
    client.headers["accept-encoding"] = "identity"
    plain = call(client, caller)

    assert compressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert list(compressed.json()) == list(plain.json())


# When something of ours is away


def test_a_bucket_that_is_away_is_an_outage_and_no_load(
    client: TestClient, installation: Installation, caller: Caller, tmp_path: Path
) -> None:
    bucket = installation.settings.buckets_dir / "iqu-feeds"
    shutil.move(bucket, tmp_path / "away")
    away = call(client, caller)
    shutil.move(tmp_path / "away", bucket)
    back = call(client, caller)

    assert away.status_code == 503
    assert away.headers["retry-after"] == "30"
    assert errors(away)[0].startswith("The bucket cannot be read or written just now")
    assert away.headers[DAYS] == "365"
    assert back.status_code == 200
    assert len(installation.loads()) == 1


def test_a_ledger_that_is_away_is_an_outage(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    installation.ledger.close()
    database = installation.settings.home / "ledger.db"
    for path in installation.settings.home.glob("ledger.db*"):
        path.unlink()
    database.mkdir()

    response = call(client, caller)

    assert response.status_code == 503
    assert errors(response)[0].startswith("The ledger cannot be read or written just now")


def test_a_fault_of_ours_is_an_incident_whose_cause_only_the_log_knows(
    client: TestClient,
    installation: Installation,
    caller: Caller,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(caller.key)

    monkeypatch.setattr(type(installation.buckets), "open", broken)
    response = call(client, caller)

    assert response.status_code == 500
    [told] = errors(response)
    incident = re.search(r"[0-9a-f]{16}", told)
    assert incident
    assert incident[0] in caplog.text
    assert "builtins.RuntimeError" in caplog.text
    assert caller.key not in caplog.text
    assert "Traceback" not in response.text
    assert response.headers["cache-control"] == "no-store"


def test_neither_key_nor_body_reaches_the_log(
    client: TestClient, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = client.post(
        f"{WEBHOOK}?apikey={caller.key}",
        json={"filename": "warehouse.csv", "notifyEmail": "you@example.edu"},
    )
    client.post(f"{WEBHOOK}%0aforged?apikey={caller.key}", json={"filename": "nothing.csv"})

    ours = "\n".join(each.getMessage() for each in caplog.records if "gateway" in each.name)
    assert answer.json()["jobId"] in ours
    assert caller.key not in ours
    assert "you@example.edu" not in ours
    assert "warehouse.csv" not in ours
    assert "\nforged" not in ours


# Signs of life


def test_a_gateway_with_all_its_parts_is_ready(client: TestClient) -> None:
    assert client.get("/livez").json() == {"live": True}
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"ready": True, "checks": {"ledger": "ok", "buckets": "ok"}}


def test_a_gateway_without_a_part_lives_but_is_not_ready(
    client: TestClient, installation: Installation
) -> None:
    installation.settings.buckets_dir.rename(installation.settings.home / "away")
    response = client.get("/readyz")

    assert client.get("/livez").status_code == 200
    assert response.status_code == 503
    body = response.json()
    assert body["ready"] is False
    assert body["checks"]["ledger"] == "ok"
    assert body["checks"]["buckets"] == body["errors"][0]


def test_a_ledger_that_is_not_migrated_is_not_ready(
    client: TestClient, installation: Installation
) -> None:
    installation.ledger.close()
    for path in installation.settings.home.glob("ledger.db*"):
        path.unlink()

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["ledger"] != "ok"
