"""The self-test: it reports what works, and queues and sends nothing."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.servers.gateway import Caller, Installation


def get(client: TestClient, caller: Caller, path: str) -> Any:
    """Send a GET request with a key as a Bearer token."""
    return client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {caller.key}"})


@pytest.mark.parametrize(
    "host",
    [
        "%C3%BC" * 63,
        ".".join(["%C3%BC" * 30] * 8),
        "x" * 64 + ".example",
        "a..b",
        ".example",
        "%E2%98%83.example",
        "[fe80::1%2525eth0]",
        "[::1%25lo]",
        "example.edu:99999999999999999999",
        "example.edu:0",
        "%2500.example",
        "%00.example",
        "%ED%A0%80.example",
        "%C2%AD",
    ],
)
def test_the_self_test_has_a_result_for_any_host(
    client: TestClient, caller: Caller, host: str
) -> None:
    response = get(client, caller, f"/self-test?notifyWebhook=https://{host}/")
    assert response.status_code == 200
    [callback] = [check for check in response.json()["checks"] if check["name"] == "callback"]
    assert callback["ok"] is False


def test_the_self_test_reports_what_works_and_queues_nothing(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    good = get(client, caller, "/self-test?filename=warehouse.csv").json()
    near = get(client, caller, "/self-test?filename=warehuose.csv").json()
    inside = get(client, caller, "/self-test?notifyWebhook=https://127.0.0.1/").json()

    assert good["ok"]
    assert (good["environment"], good["daysRemaining"]) == ("qa", 365)
    assert not near["ok"]
    assert "Did you mean warehouse.csv?" in near["checks"][1]["detail"]
    assert not inside["ok"]
    assert "not public" in inside["checks"][2]["detail"]
    assert installation.loads() == []
