"""Signing in: same response and time whatever is wrong, bounded memory, and https."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.passwords import hash_password
from alumniq_pipelines.core.feeds.catalog import Catalog
from tests.page_visits import PASSWORD, sign_in, sign_in_as_staff
from tests.postgres_databases import Database
from tests.servers.gateway import NOW, Caller, GatewayProcess, Installation
from tests.servers.postgres import PostgresServer
from webhook_gateway.app import create_app

REMOTE = "192.0.2.9"
MIB = 1 << 20

At = Callable[..., TestClient]


@pytest.fixture
def at(installation: Installation, catalog: Catalog) -> Iterator[At]:
    """Create clients of gateways with given settings, calling from a given address."""
    with ExitStack() as stack:

        def make(address: str, url: str = "http://testserver", **changes: Any) -> TestClient:
            app = create_app(
                installation.settings.model_copy(update=changes),
                ledger=installation.ledger,
                buckets=installation.buckets,
                catalog=catalog,
                clock=lambda: NOW,
            )
            return stack.enter_context(TestClient(app, client=(address, 50_000), base_url=url))

        yield make


def try_password(client: TestClient, name: str, password: str = "wrong") -> Any:
    fields = {"name": name, "password": password}
    return client.post("/sign-in", data=fields, follow_redirects=False)


@pytest.fixture
def accounts(installation: Installation) -> list[str]:
    """Create an account and a disabled one; return their names and one without account."""
    for name in ("ada", "bob"):
        installation.ledger.staff.set(name, hash_password(PASSWORD), NOW)
    installation.ledger.staff.disable("bob", NOW)
    return ["ada", "bob", "nobody"]


def test_unknown_names_disabled_accounts_and_wrong_passwords_get_the_same_response(
    client: TestClient, accounts: list[str]
) -> None:
    responses = [try_password(client, name) for name in accounts]
    responses.append(try_password(client, "bob", PASSWORD))
    assert {(response.status_code, response.text) for response in responses} == {
        (401, responses[0].text),
    }


def test_a_password_is_hashed_whether_the_name_exists_or_not(
    client: TestClient, accounts: list[str]
) -> None:
    """Hashing takes ten times as long as everything else, so a skipped hash would be noticed."""
    fastest = {}
    for name in accounts:
        took = []
        for _ in range(3):
            begun = time.perf_counter()
            assert try_password(client, name).status_code == 401
            took.append(time.perf_counter() - begun)
        fastest[name] = min(took)
    assert min(fastest.values()) > max(fastest.values()) / 3, fastest


def test_an_unknown_name_is_delayed_like_a_known_one(at: At, accounts: list[str]) -> None:
    """Whatever the time of a hash, the delays soon exceed it."""
    for name in accounts:
        client = at("127.0.0.1")
        responses = [try_password(client, name) for _ in range(3)]
        assert [response.status_code for response in responses] == [401] * 3, name
        while responses[-1].status_code == 401:
            responses.append(try_password(client, name))
            assert len(responses) < 12, name
        assert responses[-1].status_code == 429
        assert int(responses[-1].headers["retry-after"]) >= 1
        assert responses[-1].headers["content-type"].startswith("text/html")


def test_an_attempt_that_ends_in_an_outage_does_not_count_as_failed(
    client: TestClient, accounts: list[str], installation: Installation
) -> None:
    ledger = installation.settings.home / "ledger.db"
    installation.ledger.engine.dispose()  # writes everything to the database file
    ledger.rename(away := ledger.with_name("away"))
    for _ in range(5):
        response = try_password(client, accounts[0], PASSWORD)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
    installation.ledger.engine.dispose()
    away.rename(ledger)
    assert try_password(client, accounts[0], PASSWORD).status_code == 303


def test_wrong_keys_are_limited_by_address(client: TestClient) -> None:
    statuses = [
        client.post("/sign-in", data={"key": f"aq_test_{number}"}).status_code
        for number in range(21)
    ]
    assert statuses == [401] * 20 + [429]


def test_two_bursts_of_wrong_passwords_stay_within_memory(
    gateway: GatewayProcess, installation: Installation
) -> None:
    """Each attempt has its own address, so that only the limit on concurrent hashes applies."""
    installation.ledger.staff.set("ada", hash_password(PASSWORD), datetime.now(UTC))

    def wrong(number: int) -> int:
        headers = {"X-Forwarded-For": f"203.0.113.{number}", "X-Forwarded-Proto": "https"}
        fields = {"name": f"name {number}", "password": "wrong"}
        response = httpx.post(
            f"{gateway.url}/sign-in", data=fields, headers=headers, trust_env=False, timeout=60
        )
        if response.status_code == 429:
            assert int(response.headers["retry-after"]) > 0
        return response.status_code

    assert wrong(0) == 401
    before = peak_memory(gateway)
    with ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(wrong, range(1, 31))) + list(pool.map(wrong, range(31, 61)))

    assert set(statuses) <= {401, 429}
    assert statuses.count(401) >= 10
    assert peak_memory(gateway) - before < 160 * MIB


def peak_memory(gateway: GatewayProcess) -> int:
    """Read the peak memory of a process, in bytes."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1_024


def test_staff_sign_in_over_plain_http_from_this_machine_only(
    at: At, installation: Installation
) -> None:
    installation.ledger.staff.set("ada", hash_password(PASSWORD), NOW)
    for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"):
        assert try_password(at(address), "ada", PASSWORD).status_code == 303, address
    for address in (REMOTE, "::ffff:192.0.2.9", "unknown", "", "10.0.0.1"):
        refused = try_password(at(address), "ada", PASSWORD)
        assert refused.status_code == 403, address
        assert "set-cookie" not in refused.headers
        assert "ALUMNIQ_STAFF_OVER_HTTP" in refused.text
    assert try_password(at(REMOTE, "https://testserver"), "ada", PASSWORD).status_code == 303
    allowed = at(REMOTE, staff_over_http=True)
    assert try_password(allowed, "ada", PASSWORD).status_code == 303


def test_the_form_for_staff_is_shown_only_where_it_would_be_accepted(at: At) -> None:
    shown = at("127.0.0.1").get("/sign-in").text
    hidden = at(REMOTE).get("/sign-in").text
    assert 'name="password"' in shown
    assert 'name="password"' not in hidden
    assert "Staff sign in over https only" in hidden
    assert 'name="key"' in hidden


def test_customers_may_sign_in_over_plain_http_as_they_may_call(at: At, caller: Caller) -> None:
    client = at(REMOTE)
    sign_in(client, caller.key)
    assert client.get("/keys", follow_redirects=False).status_code == 200


def test_a_cookie_set_over_https_is_sent_over_https_only(
    gateway: GatewayProcess, installation: Installation
) -> None:
    caller = installation.customer(now=datetime.now(UTC))

    def cookie(**headers: str) -> str:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        response = httpx.post(
            f"{gateway.url}/sign-in", data={"key": caller.key}, headers=sent, trust_env=False
        )
        return response.headers["set-cookie"].lower()

    assert "; secure" in cookie(X_Forwarded_For=REMOTE, X_Forwarded_Proto="https")
    assert "; secure" in cookie(X_Forwarded_Proto="https")
    assert "; secure" not in cookie(X_Forwarded_For=REMOTE, X_Forwarded_Proto="http")
    assert "; secure" not in cookie()


def test_signing_out_deletes_the_cookie_with_the_same_attributes(
    at: At, installation: Installation
) -> None:
    client = at(REMOTE, "https://testserver")
    sign_in_as_staff(client, installation)
    page = client.get("/staff").text
    token = page.partition('name="form_token" value="')[2].partition('"')[0]
    response = client.post("/sign-out", data={"form_token": token}, follow_redirects=False)
    assert "; secure" in response.headers["set-cookie"].lower()
    assert client.get("/staff", follow_redirects=False).status_code == 303


def post_password(
    gateway: GatewayProcess, address: str, name: str, password: str, device: str = ""
) -> httpx.Response:
    headers = {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
    if device:
        headers["Cookie"] = f"alumniq_device={device}"
    fields = {"name": name, "password": password}
    return httpx.post(
        f"{gateway.url}/sign-in", data=fields, headers=headers, trust_env=False, timeout=60
    )


def test_a_burst_of_wrong_passwords_does_not_block_a_known_browser(
    gateway: GatewayProcess, installation: Installation
) -> None:
    installation.ledger.staff.set("ada", hash_password(PASSWORD), datetime.now(UTC))
    device = post_password(gateway, "192.0.2.1", "ada", PASSWORD).cookies["alumniq_device"]
    ended = threading.Event()

    def guess(worker: int) -> set[int]:
        statuses = set()
        for number in range(10_000):
            if ended.is_set():
                break
            address = f"10.{worker}.{number // 250}.{number % 250}"
            statuses.add(post_password(gateway, address, f"{worker} {number}", "x").status_code)
        return statuses

    with ThreadPoolExecutor(25) as pool:
        guesses = [pool.submit(guess, worker) for worker in range(25)]
        try:
            signed_in = [
                post_password(gateway, f"192.0.2.{number}", "ada", PASSWORD, device).status_code
                for number in range(10, 13)
            ]
        finally:
            ended.set()

    assert signed_in == [303] * 3
    assert 429 in set().union(*(guessed.result() for guessed in guesses))


def test_a_browser_where_staff_signed_in_is_recognised_wherever_it_is(
    gateway: GatewayProcess, installation: Installation
) -> None:
    """By its device cookie, so that the wrong passwords of others do not delay it."""
    installation.ledger.staff.set("ada", hash_password(PASSWORD), datetime.now(UTC))

    response = post_password(gateway, "192.0.2.1", "ada", PASSWORD)
    assert response.status_code == 303
    set_cookie = next(
        line for line in response.headers.get_list("set-cookie") if "alumniq_device" in line
    )
    for flag in ("HttpOnly", "Secure", "SameSite=lax", "Path=/sign-in", "Max-Age=15552000"):
        assert flag in set_cookie
    device = response.cookies["alumniq_device"]
    assert "alumniq_device" not in post_password(gateway, "192.0.2.1", "ada", "wrong").cookies

    # The delay of the address shows whether the attempts of a device are counted separately.
    for _ in range(3):
        assert post_password(gateway, "192.0.2.2", "ada", "wrong").status_code == 401
    assert post_password(gateway, "192.0.2.2", "ada", PASSWORD).status_code == 429
    assert (
        post_password(gateway, "192.0.2.2", "ada", PASSWORD, f"{device[:-8]}AAAAAAA=").status_code
        == 429
    )
    assert post_password(gateway, "192.0.2.2", "ada", PASSWORD, device).status_code == 303


def test_staff_read_in_the_log_why_nobody_can_sign_in(
    postgres_server: PostgresServer,
    installation: Installation,
    catalog: Catalog,
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = Database.create(postgres_server)
    database.use()
    database.run("alter role {role} set default_transaction_read_only = on")
    app = create_app(
        installation.settings,
        ledger=Ledger.open(database.url),
        buckets=installation.buckets,
        catalog=catalog,
        clock=lambda: NOW,
    )
    advice = "Set default_transaction_read_only to off"
    with TestClient(app) as client:
        response = client.post("/sign-in", data={"key": database.key}, follow_redirects=False)
    assert response.status_code == 503
    assert advice not in response.text
    assert advice in caplog.text
