"""Who may come in at the pages, and what they see and do there."""

import re
from datetime import timedelta

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.passwords import hash_password
from alumniq_pipelines.core.load import JobId, LoadState
from alumniq_pipelines.core.target import Environment
from tests.servers.gateway import NOW, Caller, Installation, call

PASSWORD = "correct horse battery staple"
PAGES = (
    "/start",
    "/webhooks",
    "/upload",
    "/loads",
    "/notifications",
    "/keys",
    "/s3-keys",
)


def sign_in(client: TestClient, key: str) -> None:
    client.cookies.clear()
    answer = client.post("/sign-in", data={"key": key})
    assert answer.status_code == 200
    assert answer.url.path == "/webhooks"


def sign_in_as_staff(client: TestClient, installation: Installation) -> None:
    installation.ledger.staff.set("ada", hash_password(PASSWORD), NOW)
    client.cookies.clear()
    answer = client.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert answer.url.path == "/staff"


def form_token(client: TestClient, path: str = "/webhooks") -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', client.get(path).text)
    assert found
    return found.group(1)


def send(client: TestClient, path: str, **fields: str) -> int:
    data = {"form_token": form_token(client), **fields}
    return client.post(path, data=data, follow_redirects=False).status_code


def accepted(client: TestClient, caller: Caller) -> JobId:
    answer = call(client, caller, notifyEmail="crm@example.edu")
    assert answer.status_code == 200, answer.text
    return JobId(answer.json()["jobId"])


@pytest.mark.parametrize("path", PAGES)
def test_every_page_asks_strangers_to_sign_in(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/sign-in?next={path}",
    )


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_a_new_customer_something(
    client: TestClient, caller: Caller, path: str
) -> None:
    sign_in(client, caller.key)
    assert client.get(path).status_code == 200


def test_unknown_revoked_and_expired_keys_are_refused_alike(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    expired = installation.caller("iqu", Environment.QA, NOW - timedelta(days=400)).key
    installation.ledger.keys.revoke(caller.key[:12], NOW)
    answers = [
        client.post("/sign-in", data={"key": key})
        for key in (caller.key, expired, "aq_test_nothing", "x" * 10_000)
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert not client.cookies


def test_wrong_names_and_passwords_of_staff_are_refused_alike(
    client: TestClient, installation: Installation
) -> None:
    installation.ledger.staff.set("ada", hash_password(PASSWORD), NOW)
    installation.ledger.staff.set("bob", hash_password(PASSWORD), NOW)
    installation.ledger.staff.disable("bob", NOW)
    answers = [
        client.post("/sign-in", data={"name": name, "password": password})
        for name, password in (("ada", "wrong"), ("bob", PASSWORD), ("eve", PASSWORD))
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


def test_who_guesses_has_to_wait(client: TestClient) -> None:
    answers = [client.post("/sign-in", data={"key": f"guess {n}"}) for n in range(30)]
    assert answers[-1].status_code == 429


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: TestClient, caller: Caller
) -> None:
    answer = client.post("/sign-in", data={"key": caller.key}, follow_redirects=False)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert caller.key.lower() not in cookie


def test_pages_run_no_foreign_script_and_cannot_be_framed(client: TestClient) -> None:
    answer = client.get("/sign-in")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "<script>" not in answer.text
    assert " style=" not in answer.text


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
    job_id = accepted(client, caller)
    sign_in(client, caller.key)
    paths = [
        route.path.replace("{job_id}", job_id)
        for route in client.app.routes  # type: ignore[attr-defined]  # Starlette's, seen as ASGI
        if isinstance(route, Route) and "POST" in (route.methods or ()) and "api" not in route.path
    ]
    asked = [each for each in paths if each != "/sign-in"]
    assert len(asked) > 5
    for path in asked:
        for data in ({}, {"form_token": "0" * 64}):
            assert client.post(path, data=data).status_code == 403, path
    assert client.get("/webhooks").url.path == "/webhooks"


def test_another_sites_form_signs_nobody_in(client: TestClient, caller: Caller) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    answer = client.post("/sign-in", data={"key": caller.key}, headers=headers)
    assert answer.status_code == 403
    assert not client.cookies


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_leads_to_no_other_site(client: TestClient, caller: Caller, path: str) -> None:
    data = {"key": caller.key, "next": path}
    answer = client.post("/sign-in", data=data, follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_one_customer_reaches_no_load_of_another(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    other = installation.customer("ocu")
    other.deliver("warehouse.csv")
    foreign, unknown = accepted(client, other), "0" * 8 + "-0000-0000-0000000000000000"
    sign_in(client, caller.key)
    for path in ("/loads", "/notifications", "/keys", "/start", "/webhooks", "/s3-keys"):
        text = client.get(path).text
        assert "ocu" not in text.lower(), path
        assert foreign not in text
    assert client.get(f"/loads/{foreign}").text == client.get(f"/loads/{unknown}").text
    for action in ("cancel", "resend"):
        fields = {"notification": f"msg_{foreign}-1"}
        assert send(client, f"/loads/{foreign}/{action}", **fields) == 404
    assert send(client, "/keys/revoke", prefix=other.key[:12]) == 404
    assert send(client, "/keys/rotate", prefix=other.key[:12]) == 404
    assert installation.ledger.keys.find(other.key, NOW)
    load = installation.ledger.loads.get(foreign)
    assert load
    assert load.state is LoadState.QUEUED


def test_qa_reaches_nothing_of_production(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    live = installation.caller("iqu", Environment.PRODUCTION)
    live.deliver("warehouse.csv")
    job_id = accepted(client, live)
    sign_in(client, caller.key)
    assert client.get(f"/loads/{job_id}").status_code == 404
    assert job_id not in client.get("/loads").text
    assert live.key[:12] not in client.get("/keys").text
    assert send(client, "/keys/revoke", prefix=live.key[:12]) == 404


def test_customers_find_no_board_and_cannot_look_around(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    installation.customer("ocu")
    sign_in(client, caller.key)
    assert client.get("/staff").status_code == 404
    assert send(client, "/staff/look", customer="ocu", environment="qa") == 404
    assert "ocu" not in client.get("/webhooks").text


def test_staff_look_at_any_customer(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    job_id = accepted(client, caller)
    sign_in_as_staff(client, installation)
    assert client.get("/loads").url.path == "/staff", "no customer is chosen yet"
    token = form_token(client, "/staff")
    fields = {"form_token": token, "customer": "iqu", "environment": "qa", "next": "/loads"}
    answer = client.post("/staff/look", data=fields)
    assert answer.url.path == "/loads"
    assert job_id in answer.text


def test_a_file_is_uploaded_and_loaded(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    sign_in(client, caller.key)
    answer = client.post(
        "/upload",
        data={"form_token": form_token(client), "job": "warehouse", "email": "crm@example.edu"},
        files={"file": ("monday.csv", b"xid\n1\n")},
    )
    assert "The file arrived" in answer.text
    [load] = installation.loads()
    assert (load.request.filename, load.target.customer) == ("monday.csv", "iqu")
    bucket = installation.buckets.open("iqu-feeds")
    assert (bucket.root / "qa/warehouse/monday.csv").read_bytes() == b"xid\n1\n"


@pytest.mark.parametrize("filename", ["../../ocu/x.csv", "a\\b.csv", "/etc/passwd", "a/../b.csv"])
def test_an_uploaded_file_stays_below_the_customers_folder(
    client: TestClient, caller: Caller, installation: Installation, filename: str
) -> None:
    sign_in(client, caller.key)
    fields = {"form_token": form_token(client), "job": "warehouse", "filename": filename}
    answer = client.post("/upload", data=fields, files={"file": ("x.csv", b"xid\n1\n")})
    assert answer.status_code == 400
    assert installation.loads() == []


def test_an_upload_without_a_file_says_what_to_do(client: TestClient, caller: Caller) -> None:
    sign_in(client, caller.key)
    fields = {"form_token": form_token(client), "job": "warehouse"}
    answer = client.post("/upload", data=fields)
    assert answer.status_code == 400
    assert "Choose a file" in answer.text


def test_what_a_customer_sent_is_never_markup(client: TestClient, caller: Caller) -> None:
    name = "<img src=x onerror=alert(1)>`<b>`.csv"
    caller.deliver(name)
    job_id = JobId(call(client, caller, filename=name).json()["jobId"])
    sign_in(client, caller.key)
    for path in ("/loads", f"/loads/{job_id}", "/webhooks"):
        text = client.get(path).text
        assert "<img" not in text
        assert "<b>`" not in text
        assert "&lt;img" in text


def test_a_queued_load_can_be_canceled_once(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    job_id = accepted(client, caller)
    sign_in(client, caller.key)
    assert send(client, f"/loads/{job_id}/cancel") == 303
    load = installation.ledger.loads.get(job_id)
    assert load
    assert load.state is LoadState.FAILED
    assert send(client, f"/loads/{job_id}/cancel") == 409


def test_a_notification_is_sent_again(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    job_id = accepted(client, caller)
    sign_in(client, caller.key)
    assert send(client, f"/loads/{job_id}/cancel") == 303
    [told] = installation.ledger.notifications.of(job_id)
    assert send(client, f"/loads/{job_id}/resend", notification=told.id) == 303
    assert send(client, f"/loads/{job_id}/resend", notification="msg_other") == 404


def test_a_key_is_rotated_with_overlap(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    sign_in(client, caller.key)
    fields = {"form_token": form_token(client), "prefix": caller.key[:12]}
    answer = client.post("/keys/rotate", data=fields)
    found = re.search(r"aq_test_[\w-]{43}", answer.text)
    assert found
    for key in (caller.key, found.group()):
        assert installation.ledger.keys.find(key, NOW)
    assert found.group() not in client.get("/keys").text, "shown once only"


def test_the_board_puts_production_before_qa(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    live = installation.caller("iqu", Environment.PRODUCTION)
    for each in (caller, live):
        each.deliver("warehouse.csv")
        job_id = accepted(client, each)
        sign_in(client, each.key)
        assert send(client, f"/loads/{job_id}/cancel") == 303
    sign_in_as_staff(client, installation)
    concerns = client.get("/staff").text.partition("Customers</h2>")[0]
    assert concerns.index("production") < concerns.index(">qa<")
