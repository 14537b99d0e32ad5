"""Idempotency keys and dry runs."""

import threading

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.target import Environment
from tests.servers.gateway import WEBHOOK, Caller, Installation, call, errors


def named(client: TestClient, caller: Caller, name: str, **options: object) -> tuple[int, str]:
    """Send a call with an idempotency key and return the status and the job id."""
    body = {"apiKey": caller.key, "filename": "warehouse.csv"} | options
    response = client.post(WEBHOOK, json=body, headers={"Idempotency-Key": name})
    return response.status_code, response.json().get("jobId", "")


def test_a_repeated_idempotency_key_returns_the_first_load(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    first = named(client, caller, "nightly-2026-03-01")
    bucket = installation.settings.buckets_dir / "iqu-feeds/qa/warehouse/warehouse.csv"
    bucket.unlink()  # the current contents of the bucket do not matter

    assert named(client, caller, "nightly-2026-03-01") == first
    assert first[0] == 200
    assert len(installation.loads()) == 1


def test_an_idempotency_key_names_one_request(client: TestClient, caller: Caller) -> None:
    named(client, caller, "nightly")
    body = {"apiKey": caller.key, "filename": "warehouse.csv", "notifyEmail": "a@example.edu"}
    response = client.post(WEBHOOK, json=body, headers={"Idempotency-Key": "nightly"})

    assert response.status_code == 422
    assert errors(response)[0].startswith("The Idempotency-Key was already used")


def test_idempotency_keys_of_different_callers_do_not_collide(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    other, production = installation.customer("wwu"), None
    other.deliver("warehouse.csv")
    production = installation.caller("iqu", Environment.PRODUCTION)
    production.deliver("warehouse.csv")

    responses = [named(client, key, "nightly") for key in (caller, other, production)]

    assert [status for status, _ in responses] == [200, 200, 200]
    assert len({job_id for _, job_id in responses}) == 3


@pytest.mark.parametrize("name", ["x" * 201, "a\tb"])
def test_an_unusable_idempotency_key_is_refused(
    client: TestClient, caller: Caller, name: str
) -> None:
    assert named(client, caller, name)[0] == 400


def test_the_same_idempotency_key_at_the_same_time_makes_one_load(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    responses: list[tuple[int, str]] = []
    callers = [
        threading.Thread(target=lambda: responses.append(named(client, caller, "nightly")))
        for _ in range(12)
    ]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()

    assert len(set(responses)) == 1
    assert responses[0][0] == 200
    assert len(installation.loads()) == 1


@pytest.mark.parametrize(
    ("sent", "is_dry"),
    [(True, True), ("true", True), (False, False), ("FALSE", False), ("", False)],
)
def test_a_dry_run_is_requested_by_an_option(
    client: TestClient, installation: Installation, caller: Caller, sent: object, *, is_dry: bool
) -> None:
    assert call(client, caller, dryRun=sent).status_code == 200
    assert [load.request.dry_run for load in installation.loads()] == [is_dry]


def test_an_unusable_dry_run_option_is_refused_and_loads_nothing(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    for sent in ("maybe", 1, [True]):
        response = call(client, caller, dryRun=sent)
        assert response.status_code == 400
        assert "DryRun" in errors(response)[0]
    assert installation.loads() == []
