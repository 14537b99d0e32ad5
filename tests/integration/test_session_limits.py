"""A session allows only what its key allows, and only from the networks of its key."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.encryption import SecretCipher
from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.core.access.api_keys import KeyScope
from alumniq_pipelines.core.access.s3_keys import S3Key, user_name
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.target import Environment
from tests.page_visits import accept_load, form_token, send, sign_in
from tests.servers.gateway import NOW, Caller, GatewayProcess, Installation, errors
from webhook_gateway.app import create_app
from webhook_gateway.pages.page_handlers import SESSION_COOKIE

INSIDE, OUTSIDE = "10.20.0.7", "192.0.2.9"
NETWORK = KeyScope(networks=("10.20.0.0/16",))
JOB_ID = "0" * 8 + "-0000-0000-0000000000000000"

From = Callable[[str], TestClient]


@pytest.fixture
def app(installation: Installation, catalog: Catalog) -> Starlette:
    return create_app(
        installation.settings,
        ledger=installation.ledger,
        buckets=installation.buckets,
        catalog=catalog,
        clock=lambda: NOW,
    )


@pytest.fixture
def coming_from(app: Starlette) -> Iterator[From]:
    """Create clients that call from a given address."""
    with ExitStack() as stack:
        yield lambda address: stack.enter_context(TestClient(app, client=(address, 50_000)))


def issue(installation: Installation, scope: KeyScope) -> Caller:
    key, _ = installation.ledger.keys.issue("iqu", Environment.QA, NOW, scope=scope)
    return Caller(installation, "iqu", Environment.QA, key)


def page_routes(app: Starlette, method: str) -> list[str]:
    return sorted(
        route.path.format(job_id=JOB_ID, form="csv")
        for route in app.routes
        if isinstance(route, Route)
        and method in (route.methods or ())
        and not route.path.startswith(("/api/", "/livez", "/readyz", "/metrics"))
    )


@pytest.mark.usefixtures("caller")
def test_a_session_outside_its_keys_networks_is_answered_as_an_unknown_one(
    app: Starlette, coming_from: From, installation: Installation
) -> None:
    bound = issue(installation, NETWORK)
    inside, outside, stranger = coming_from(INSIDE), coming_from(OUTSIDE), coming_from(OUTSIDE)
    sign_in(inside, bound.key)
    token = form_token(inside)
    outside.cookies.set(SESSION_COOKIE, inside.cookies[SESSION_COOKIE])
    stranger.cookies.set(SESSION_COOKIE, "unknown")

    routes = [(method, path) for method in ("GET", "POST") for path in page_routes(app, method)]
    assert len(routes) > 20
    for method, path in routes:
        if path == "/sign-in":
            continue
        fields: Any = {"data": {"form_token": token, "prefix": bound.key[:12]}}
        asked = fields if method == "POST" else {}
        got, expected = (
            client.request(method, path, follow_redirects=False, **asked)
            for client in (outside, stranger)
        )
        assert (got.status_code, got.headers.get("location"), got.text) == (
            expected.status_code,
            expected.headers.get("location"),
            expected.text,
        ), path
        assert got.headers["location"].startswith("/sign-in"), path
    assert len(installation.ledger.keys.of("iqu")) == 2, "nothing was rotated"
    assert inside.get("/keys", follow_redirects=False).status_code == 200, "inside it goes on"


def test_the_forwarded_address_of_a_proxy_applies_to_sessions_too(
    gateway: GatewayProcess, installation: Installation
) -> None:
    installation.customer(now=datetime.now(UTC))
    key, _ = installation.ledger.keys.issue("iqu", Environment.QA, datetime.now(UTC), scope=NETWORK)

    def at(address: str, cookie: str) -> httpx.Response:
        headers = {"X-Forwarded-For": address, "Cookie": cookie}
        return httpx.get(f"{gateway.url}/keys", headers=headers, trust_env=False)

    signed_in = httpx.post(
        f"{gateway.url}/sign-in",
        data={"key": key},
        headers={"X-Forwarded-For": INSIDE},
        trust_env=False,
    )
    cookie = signed_in.headers["set-cookie"].split(";")[0]
    assert at(INSIDE, cookie).status_code == 200
    assert at(f"{INSIDE}, {OUTSIDE}", cookie).status_code == 303
    assert at("", cookie).status_code == 303


@pytest.mark.parametrize(
    ("own", "other", "is_seen"),
    [
        (KeyScope(), KeyScope(), True),
        (KeyScope(), NETWORK, True),
        (NETWORK, KeyScope(), False),
        (NETWORK, KeyScope(networks=("10.20.30.0/24",)), True),
        (NETWORK, KeyScope(networks=("10.20.30.0/24", "192.0.2.0/24")), False),
        (NETWORK, KeyScope(networks=("::/0",)), False),
        (KeyScope(networks=("10.20.0.0/17", "10.20.128.0/17")), NETWORK, True),
        (KeyScope(feeds=("warehouse",)), KeyScope(), False),
        (KeyScope(feeds=("warehouse",)), KeyScope(feeds=("warehouse",)), True),
        (KeyScope(feeds=("warehouse",)), KeyScope(feeds=("warehouse", "warehouse-b")), False),
        (KeyScope(feeds=("warehouse",)), KeyScope(("warehouse",), ("10.0.0.0/8",)), True),
        (KeyScope(("warehouse",), NETWORK.networks), KeyScope(feeds=("warehouse",)), False),
    ],
)
@pytest.mark.usefixtures("caller")
def test_a_session_sees_rotates_and_revokes_no_wider_key(
    coming_from: From, installation: Installation, own: KeyScope, other: KeyScope, *, is_seen: bool
) -> None:
    mine, others = issue(installation, own), issue(installation, other)
    client = coming_from(INSIDE)
    sign_in(client, mine.key)

    assert (others.key[:12] in client.get("/keys").text) is is_seen
    bearer = {"Authorization": f"Bearer {mine.key}"}
    assert (others.key[:12] in client.get("/api/v1/keys", headers=bearer).text) is is_seen
    assert send(client, "/keys/rotate", prefix=others.key[:12]) == (200 if is_seen else 404)
    assert send(client, "/keys/revoke", prefix=others.key[:12]) == (303 if is_seen else 404)
    for key in installation.ledger.keys.of("iqu"):
        if key.replaces == others.key[:12]:
            assert (key.feeds, key.networks) == (other.feeds, other.networks)


@pytest.mark.parametrize(
    ("scope", "status"), [(NETWORK, 200), (KeyScope(feeds=("warehouse",)), 403)]
)
@pytest.mark.usefixtures("caller")
def test_only_a_key_for_all_jobs_leads_to_s3_keys_which_open_the_files_of_all(
    coming_from: From, installation: Installation, scope: KeyScope, status: int
) -> None:
    ledger, user = installation.ledger, user_name("iqu", Environment.QA)
    encrypted = SecretCipher.from_file(installation.settings.encryption_key_file).encrypt("secret")
    pair = S3Key(
        access_key_id="AKIAMADEUP",
        customer="iqu",
        user_name=user,
        encrypted_secret=encrypted,
        created_at=NOW,
    )
    S3Keys(ledger.database, ledger.audit).add(pair, (), NOW)
    bound, client = issue(installation, scope), coming_from(INSIDE)
    path, asked = "/api/v1/index.cfm/aws/accesskey", {"accessKeyId": "AKIAMADEUP"}

    response = client.post(path, json={"apiKey": bound.key, **asked})
    assert response.status_code == status
    assert status == 200 or errors(response)[0].startswith("The API key is limited")
    sign_in(client, bound.key)
    assert ("AKIAMADEUP" in client.get("/s3-keys").text) is (status == 200)


def test_a_session_for_some_jobs_replaces_no_file_and_uploads_for_no_other(
    coming_from: From, installation: Installation, caller: Caller
) -> None:
    bound, client = issue(installation, KeyScope(feeds=("warehouse",))), coming_from(INSIDE)
    caller.deliver("degrees.csv", b"theirs")
    sign_in(client, bound.key)

    def upload(job: str, name: str) -> int:
        fields = {"form_token": form_token(client), "job": job}
        files = {"file": (name, b"xid\n1\n")}
        return client.post("/upload", data=fields, files=files, follow_redirects=False).status_code

    assert upload("warehouse", "degrees.csv") == 409
    assert upload("warehouse-degrees", "new.csv") == 403
    folder = installation.buckets.open("iqu-feeds").root / "qa/warehouse"
    assert (folder / "degrees.csv").read_bytes() == b"theirs"
    assert upload("warehouse", "new.csv") == 303


def test_the_upload_page_says_whether_a_file_is_replaced(
    coming_from: From, installation: Installation, caller: Caller
) -> None:
    bound = issue(installation, KeyScope(feeds=("warehouse",)))
    for key, is_replaced in ((caller.key, True), (bound.key, False)):
        client = coming_from(INSIDE)
        sign_in(client, key)
        page = client.get("/upload").text
        assert ("in your bucket is replaced" in page) is is_replaced
        assert ("cannot replace a file" in page) is not is_replaced


def test_a_session_for_some_jobs_learns_nothing_of_other_jobs_loads(
    coming_from: From, installation: Installation, caller: Caller
) -> None:
    client = coming_from(INSIDE)
    job_id = accept_load(client, caller)
    bound = issue(installation, KeyScope(feeds=("warehouse-degrees",)))
    sign_in(client, bound.key)

    steps = client.get("/start").text.split("<li")
    [called] = [step for step in steps if "Call a webhook" in step]
    assert "is-open" in called
    for path in ("/loads", "/notifications", "/webhooks"):
        assert job_id not in client.get(path).text
    assert client.get(f"/loads/{job_id}").status_code == 404
