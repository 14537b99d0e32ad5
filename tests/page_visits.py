"""Helpers for tests of the pages: sign in, submit a form, have a load accepted."""

import re

from starlette.testclient import TestClient

from alumniq_pipelines.adapters.passwords import hash_password
from alumniq_pipelines.core.loads.load import JobId
from tests.servers.gateway import NOW, Caller, Installation, call

PASSWORD = "correct horse battery staple"


def sign_in(client: TestClient, key: str) -> None:
    client.cookies.clear()
    response = client.post("/sign-in", data={"key": key})
    assert response.status_code == 200
    assert response.url.path == "/webhooks"


def sign_in_as_staff(client: TestClient, installation: Installation) -> None:
    installation.ledger.staff.set("ada", hash_password(PASSWORD), NOW)
    client.cookies.clear()
    response = client.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert response.url.path == "/staff"


def form_token(client: TestClient, path: str = "/webhooks") -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', client.get(path).text)
    assert found
    return found.group(1)


def send(client: TestClient, path: str, **fields: str) -> int:
    data = {"form_token": form_token(client), **fields}
    return client.post(path, data=data, follow_redirects=False).status_code


def accept_load(client: TestClient, caller: Caller) -> JobId:
    response = call(client, caller, notifyEmail="crm@example.edu")
    assert response.status_code == 200, response.text
    return JobId(response.json()["jobId"])
