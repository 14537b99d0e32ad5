"""Unusual HTTP requests: odd values, methods and URLs, endless bodies."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.servers.gateway import WEBHOOK, Caller, call, errors


@pytest.mark.parametrize(
    ("filename", "message"),
    [
        (5, "The option Filename is not text."),
        (True, "The option Filename is not text."),
        (["warehouse.csv"], "The option Filename is not text."),
        ({"name": "warehouse.csv"}, "The option Filename is not text."),
        (None, "Missing required option: Filename"),
        ("\ud800.csv", "The filename contains characters that cannot be printed: U+D800. "),
        ("ware\0house.csv", "The filename contains characters that cannot be printed: U+0000. "),
        ("../warehouse.csv", "The filename has an empty part, a part `.` or `..`, or a backslash."),
        ("x" * 2_000, "The filename is longer than 1,024 bytes with its folder."),
        ("warehouse", "The file warehouse was not found in qa/warehouse/."),
    ],
    ids=ascii,
)
def test_odd_filenames_are_refused(
    client: TestClient, caller: Caller, filename: object, message: str
) -> None:
    body = json.dumps({"apiKey": caller.key, "filename": filename})
    response = client.post(WEBHOOK, content=body)

    assert response.status_code == 400
    [error] = errors(response)
    assert error.startswith(message)


def test_a_trailing_slash_is_accepted(client: TestClient, caller: Caller) -> None:
    """A redirect would turn the POST into a GET."""
    assert call(client, caller, f"{WEBHOOK}/").status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    response = client.request(method, WEBHOOK)

    assert response.status_code == 405
    assert response.headers["allow"] == "POST, OPTIONS"
    if method != "HEAD":
        assert errors(response) == ["The URL does not support this method. Use POST."]


def test_options_lists_the_methods(client: TestClient) -> None:
    response = client.options(WEBHOOK)

    assert (response.status_code, response.headers["allow"]) == (204, "POST, OPTIONS")
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/api",
        "/api/v1/index.cfm/webhook",
        "/api/v1/index.cfm/webhook/",
        f"{WEBHOOK}/more",
        "/nowhere//",
    ],
)
def test_other_addresses_are_unknown(client: TestClient, path: str) -> None:
    response = client.post(path)

    assert response.status_code == 404
    [message] = errors(response)
    assert message.startswith("There is nothing at this URL.")


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


def test_every_response_has_the_security_headers(client: TestClient, caller: Caller) -> None:
    for response in (call(client, caller), client.post("/"), client.get("/livez")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in response.headers["content-security-policy"]


def test_responses_are_compressed_for_clients_that_accept_it(
    client: TestClient, caller: Caller
) -> None:
    compressed = call(client, caller)
    client.headers["accept-encoding"] = "identity"
    plain = call(client, caller)

    assert compressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert list(compressed.json()) == list(plain.json())
