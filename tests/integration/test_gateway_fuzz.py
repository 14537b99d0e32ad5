"""Whatever is sent, the response is an acceptance or a refusal in the format of the contract."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.servers.gateway import WEBHOOK, Caller

# All examples of a test share a gateway, because an accepted call does not affect the next one.
SHARED = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NAMES = st.sampled_from(
    ["apiKey", "APIKEY", "filename", "FileName", "notifyEmail", "notifyWebhook"]
)
TEXTS = st.text() | st.sampled_from(["warehouse.csv", "a@b.edu", "https://b.edu", "../x", "\0"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(NAMES | st.text(), inner),
    max_leaves=8,
)
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126))


def check_shape(response: Any) -> None:
    """A 200 is a receipt; anything else is a 4xx with errors."""
    body = response.json()
    if response.status_code == 200:
        assert list(body) == ["jobId", "job", "filename", "notificationSettings"]
        return
    assert 400 <= response.status_code < 500, response.text
    assert list(body) == ["errors"]
    assert body["errors"]
    assert all(isinstance(error, str) and error for error in body["errors"])


@SHARED
@given(body=st.binary(), content_type=HEADER | st.just("multipart/form-data; boundary=x"))
def test_any_bytes_get_an_answer_in_shape(
    client: TestClient, caller: Caller, body: bytes, content_type: str
) -> None:
    headers = {"Authorization": f"Bearer {caller.key}", "Content-Type": content_type}
    check_shape(client.post(WEBHOOK, content=body, headers=headers))


@SHARED
@given(options=st.dictionaries(NAMES | st.text(), JSON), filename=TEXTS)
def test_any_json_gets_an_answer_in_shape(
    client: TestClient, caller: Caller, options: dict[str, Any], filename: str
) -> None:
    for body in (options, options | {"apiKey": caller.key, "filename": filename}):
        check_shape(client.post(WEBHOOK, content=json.dumps(body)))


@SHARED
@given(job=st.text(), query=st.binary(max_size=200))
def test_any_address_gets_an_answer_in_shape(
    client: TestClient, caller: Caller, job: str, query: bytes
) -> None:
    quoted = "".join(f"%{byte:02x}" for byte in job.encode("utf-8", "surrogatepass"))
    url = f"{WEBHOOK.removesuffix('warehouse')}{quoted}"
    headers = {"Authorization": f"Bearer {caller.key}"}
    check_shape(client.post(url, json={"filename": "warehouse.csv"}, headers=headers))
    check_shape(client.post(f"{WEBHOOK}?{''.join(f'%{byte:02x}' for byte in query)}"))


@SHARED
@given(authorization=HEADER)
def test_any_authorization_gets_an_answer_in_shape(client: TestClient, authorization: str) -> None:
    for value in (authorization, f"Bearer {authorization}"):
        check_shape(client.post(WEBHOOK, headers={"Authorization": value}))
