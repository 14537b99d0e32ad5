"""Sessions: who can open the pages, and for how long."""

from datetime import timedelta
from typing import cast

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.passwords import hash_password
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.target import Environment
from tests.page_visits import PASSWORD, accept_load, send, sign_in, sign_in_as_staff
from tests.servers.gateway import NOW, Caller, Installation
from webhook_gateway.app import create_app

PAGES = (
    "/start",
    "/webhooks",
    "/upload",
    "/loads",
    "/notifications",
    "/keys",
    "/s3-keys",
)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_requires_a_session(client: TestClient, path: str) -> None:
    response = client.get(path, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (
        303,
        f"/sign-in?next={path}",
    )


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_for_a_new_customer(client: TestClient, caller: Caller, path: str) -> None:
    sign_in(client, caller.key)
    assert client.get(path).status_code == 200


def test_unknown_revoked_and_expired_keys_are_refused_alike(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    expired = installation.caller("iqu", Environment.QA, NOW - timedelta(days=400)).key
    installation.ledger.keys.revoke(caller.key[:12], NOW)
    responses = [
        client.post("/sign-in", data={"key": key})
        for key in (caller.key, expired, "aq_test_nothing", "x" * 10_000)
    ]
    assert {response.status_code for response in responses} == {401}
    assert len({response.text for response in responses}) == 1
    assert not client.cookies


def test_wrong_names_and_passwords_of_staff_are_refused_alike(
    client: TestClient, installation: Installation
) -> None:
    installation.ledger.staff.set("ada", hash_password(PASSWORD), NOW)
    installation.ledger.staff.set("bob", hash_password(PASSWORD), NOW)
    installation.ledger.staff.disable("bob", NOW)
    responses = [
        client.post("/sign-in", data={"name": name, "password": password})
        for name, password in (("ada", "wrong"), ("bob", PASSWORD), ("eve", PASSWORD))
    ]
    assert {response.status_code for response in responses} == {401}
    assert len({response.text for response in responses}) == 1


def test_guessing_is_rate_limited(client: TestClient) -> None:
    responses = [client.post("/sign-in", data={"key": f"guess {n}"}) for n in range(30)]
    assert responses[-1].status_code == 429


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: TestClient, caller: Caller
) -> None:
    response = client.post("/sign-in", data={"key": caller.key}, follow_redirects=False)
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert caller.key.lower() not in cookie


def test_pages_run_no_foreign_script_and_cannot_be_framed(client: TestClient) -> None:
    response = client.get("/sign-in")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["cache-control"] == "no-store"
    assert "<script>" not in response.text
    assert " style=" not in response.text


def test_a_session_ends_when_signing_out_and_cannot_be_used_again(
    client: TestClient, caller: Caller
) -> None:
    sign_in(client, caller.key)
    cookies = dict(client.cookies)
    assert send(client, "/sign-out") == 303
    client.cookies.update(cookies)
    assert client.get("/webhooks").url.path == "/sign-in"


def test_a_session_ends_with_its_key(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    sign_in(client, caller.key)
    installation.ledger.keys.revoke(caller.key[:12], NOW)
    assert client.get("/webhooks").url.path == "/sign-in"


def test_a_session_of_staff_ends_with_a_new_password(
    client: TestClient, installation: Installation
) -> None:
    sign_in_as_staff(client, installation)
    installation.ledger.staff.set("ada", hash_password("another pass phrase"), NOW)
    assert client.get("/staff").url.path == "/sign-in"


def test_every_form_that_changes_something_needs_its_token(
    client: TestClient, caller: Caller
) -> None:
    job_id = accept_load(client, caller)
    sign_in(client, caller.key)
    paths = [
        route.path.replace("{job_id}", job_id)
        for route in cast("Starlette", client.app).routes
        if isinstance(route, Route) and "POST" in (route.methods or ()) and "api" not in route.path
    ]
    asked = [page_path for page_path in paths if page_path != "/sign-in"]
    assert len(asked) > 5
    for path in asked:
        for data in ({}, {"form_token": "0" * 64}):
            assert client.post(path, data=data).status_code == 403, path
    assert client.get("/webhooks").url.path == "/webhooks"


def test_another_sites_form_signs_nobody_in(client: TestClient, caller: Caller) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    response = client.post("/sign-in", data={"key": caller.key}, headers=headers)
    assert response.status_code == 403
    assert not client.cookies


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_leads_to_no_other_site(client: TestClient, caller: Caller, path: str) -> None:
    data = {"key": caller.key, "next": path}
    response = client.post("/sign-in", data=data, follow_redirects=False)
    assert response.headers["location"] == "/"


def test_if_the_public_url_is_https_the_cookie_is_sent_over_https_only(
    installation: Installation, catalog: Catalog, caller: Caller
) -> None:
    update = {"public_url": "https://feeds.example.edu"}
    app = create_app(
        installation.settings.model_copy(update=update),
        ledger=installation.ledger,
        buckets=installation.buckets,
        catalog=catalog,
        clock=lambda: NOW,
    )
    with TestClient(app) as client:
        response = client.post("/sign-in", data={"key": caller.key}, follow_redirects=False)
    assert "secure" in response.headers["set-cookie"].lower()
