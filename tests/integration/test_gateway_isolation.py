"""A key or a guessed id never reaches another customer, and QA never reaches production."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.target import Environment
from tests.servers.gateway import NOW, Caller, Installation, call, errors


@pytest.fixture(params=["another customer", "another environment"])
def stranger(
    request: pytest.FixtureRequest, installation: Installation, caller: Caller
) -> Iterator[Caller]:
    """Create a key without access to anything of `caller`."""
    del caller
    if request.param == "another customer":
        yield installation.customer("wwu")
    else:
        yield installation.caller("iqu", Environment.PRODUCTION)


@pytest.fixture
def secret_load(client: TestClient, caller: Caller) -> str:
    """Accept a load that a stranger must not see."""
    options = {"notifyWebhook": "https://hooks.example.edu/secret"}
    job_id: str = call(client, caller, **options).json()["jobId"]
    return job_id


def call_api(client: TestClient, caller: Caller, path: str, method: str = "GET") -> Any:
    """Send a request with a key."""
    headers = {"Authorization": f"Bearer {caller.key}"}
    return client.request(method, f"/api/v1{path}", headers=headers)


def test_a_stranger_lists_none_of_the_loads(
    client: TestClient, stranger: Caller, secret_load: str
) -> None:
    assert secret_load
    assert call_api(client, stranger, "/loads").json() == {"loads": [], "next": None}


def test_a_foreign_load_and_an_unknown_one_get_the_same_response(
    client: TestClient, stranger: Caller, secret_load: str
) -> None:
    never = "00000000-0000-0000-0000000000000000"
    for method, path in (
        ("GET", "/loads/{}"),
        ("POST", "/loads/{}/cancel"),
        ("POST", "/loads/{0}/notifications/msg_{0}-1/resend"),
    ):
        foreign = call_api(client, stranger, path.format(secret_load), method)
        unknown = call_api(client, stranger, path.format(never), method)
        assert foreign.status_code == unknown.status_code == 404
        assert errors(foreign) == errors(unknown)


def test_a_stranger_cancels_and_resends_nothing(
    client: TestClient, installation: Installation, stranger: Caller, secret_load: str
) -> None:
    before = installation.ledger.loads.get(JobId(secret_load))
    call_api(client, stranger, f"/loads/{secret_load}/cancel", "POST")
    call_api(
        client, stranger, f"/loads/{secret_load}/notifications/msg_{secret_load}-1/resend", "POST"
    )

    assert installation.ledger.loads.get(JobId(secret_load)) == before


def test_a_stranger_sees_no_job_as_loaded(
    client: TestClient, stranger: Caller, secret_load: str
) -> None:
    assert secret_load
    jobs = call_api(client, stranger, "/jobs").json()["jobs"]
    assert all(job["lastLoad"] is None for job in jobs)


def test_a_stranger_lists_none_of_the_keys(
    client: TestClient, caller: Caller, stranger: Caller
) -> None:
    listed = call_api(client, stranger, "/keys").json()["keys"]
    assert [key["prefix"] for key in listed] == [stranger.key[:12]]
    assert caller.key[:12] not in str(listed)


def test_a_strangers_self_test_finds_no_file_and_hints_at_none(
    client: TestClient, caller: Caller, stranger: Caller
) -> None:
    """A key of the same customer learns that the file is in the other environment, if it is."""
    caller.deliver("secret-campaign.csv")
    for name in ("secret-campaign.csv", "secret-campagn.csv", "../../iqu-feeds/qa/warehouse/x"):
        found = call_api(client, stranger, f"/self-test?filename={name}").json()["checks"][1]
        assert found["ok"] is False
        assert "Did you mean" not in found["detail"]
        is_own = stranger.name == caller.name and name == "secret-campaign.csv"
        assert ("secret-campaign.csv is in qa/warehouse/" in found["detail"]) == is_own


def test_exchanging_a_key_gives_the_same_access_and_no_more(
    client: TestClient, installation: Installation, stranger: Caller, secret_load: str
) -> None:
    response = call_api(client, stranger, "/index.cfm/exchange?emailaddress=a@example.edu").json()
    fresh = Caller(installation, stranger.name, stranger.environment, response["apiKey"])

    assert call_api(client, fresh, f"/loads/{secret_load}").status_code == 404
    found = installation.ledger.keys.find(fresh.key, NOW)
    assert found is not None
    assert (found.customer, found.environment) == (stranger.name, stranger.environment)


def test_without_a_key_nothing_is_revealed(client: TestClient, secret_load: str) -> None:
    for path in ("/loads", f"/loads/{secret_load}", "/jobs", "/keys", "/self-test"):
        response = client.get(f"/api/v1{path}")
        assert response.status_code == 401
        assert errors(response) == ["Missing required option: ApiKey"]
        assert "x-api-key-days-remaining" not in response.headers
