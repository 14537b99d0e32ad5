"""Exchanging a key: a GET by contract, so it must not create keys by accident."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.ledger.tables import notifications
from alumniq_pipelines.core.access.api_keys import KeyScope
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.target import Environment
from tests.page_visits import form_token, sign_in, sign_in_as_staff
from tests.servers.gateway import NOW, Caller, Installation, errors
from webhook_gateway.app import create_app

EXCHANGE = "/api/v1/index.cfm/exchange"
OWNER, STAFF, STRANGER = "feeds@example.edu", "staff@alumniq.example", "thief@example.com"


@pytest.fixture
def client(installation: Installation, catalog: Catalog) -> Iterator[TestClient]:
    """Return a client of a gateway with staff addresses."""
    app = create_app(
        installation.settings.model_copy(update={"staff_email": STAFF}),
        ledger=installation.ledger,
        buckets=installation.buckets,
        catalog=catalog,
        clock=lambda: NOW,
    )
    with TestClient(app, client=("127.0.0.1", 50_000)) as client:
        yield client


@pytest.fixture
def owned(installation: Installation, caller: Caller) -> Caller:
    """Issue a key with a registered address."""
    key, _ = installation.ledger.keys.issue(
        caller.name, Environment.QA, NOW, scope=KeyScope(email=OWNER)
    )
    return Caller(installation, caller.name, Environment.QA, key)


def exchange(client: TestClient, key: str, email: str = OWNER) -> Any:
    return client.get(EXCHANGE, params={"emailaddress": email, "apikey": key})


def live(installation: Installation) -> list[str]:
    return [key.prefix for key in installation.ledger.keys.of("iqu") if key.is_live(NOW)]


def mails(installation: Installation) -> list[tuple[str, str]]:
    """List the pending notifications: recipient and text."""
    wanted = select(notifications).order_by(notifications.c.id)
    with installation.ledger.database.reading() as connection:
        rows = connection.execute(wanted).mappings()
        return [(row["destination"], f"{row['subject']}\n{row['body']}") for row in rows]


def test_the_owners_address_counts_with_and_without_a_name(
    client: TestClient, installation: Installation, owned: Caller
) -> None:
    assert exchange(client, owned.key, f"Feeds <{OWNER.upper()}>").status_code == 200
    assert exchange(client, owned.key, f"{OWNER} <{STRANGER}>").status_code == 400
    assert exchange(client, owned.key, f"{OWNER}, {STRANGER}").status_code == 400
    assert {address for address, _ in mails(installation)} == {OWNER, STAFF}


def test_forty_exchanges_of_a_key_make_two_keys_and_name_them(
    client: TestClient, installation: Installation, owned: Caller
) -> None:
    before = live(installation)
    responses = [exchange(client, owned.key) for _ in range(40)]

    assert [response.status_code for response in responses] == [200, 200] + [409] * 38
    made = [response.json()["apiKey"][:12] for response in responses[:2]]
    assert sorted(live(installation)) == sorted([*before, *made])
    [output] = errors(responses[-1])
    assert all(prefix in output for prefix in made)
    assert not any(response.json()["apiKey"] in output for response in responses[:2])
    assert len(mails(installation)) == 4


@pytest.mark.parametrize(
    "header",
    [
        ("Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("X-Moz", "prefetch"),
        ("X-Purpose", "preview"),
        ("If-None-Match", '"x"'),
        ("If-None-Match", "*"),
        ("If-Match", "*"),
        ("If-Modified-Since", "Sun, 01 Mar 2026 02:30:00 GMT"),
        ("If-Unmodified-Since", "Sun, 01 Mar 2026 02:30:00 GMT"),
        ("If-Range", '"x"'),
    ],
)
def test_a_speculative_request_creates_no_key(
    client: TestClient, installation: Installation, owned: Caller, header: tuple[str, str]
) -> None:
    before = live(installation)
    response = client.get(EXCHANGE, params={"apikey": owned.key}, headers=dict([header]))

    assert response.status_code == 400
    assert header[0] in errors(response)[0]
    assert live(installation) == before
    assert mails(installation) == []


def test_head_makes_no_key(client: TestClient, installation: Installation, owned: Caller) -> None:
    before = live(installation)
    response = client.head(EXCHANGE, params={"emailaddress": OWNER, "apikey": owned.key})

    assert (response.status_code, response.headers["allow"]) == (405, "GET, OPTIONS")
    assert live(installation) == before


def test_owner_and_staff_are_notified_of_an_exchange(
    client: TestClient, installation: Installation, owned: Caller
) -> None:
    fresh = exchange(client, owned.key).json()["apiKey"]

    sent = mails(installation)
    assert [destination for destination, _ in sent] == [OWNER, STAFF]
    for _, text in sent:
        assert f"{fresh[:12]}…" in text
        assert fresh not in text
    assert "revoke" in sent[0][1]
    assert f"alumniq key revoke {fresh[:12]}" in sent[1][1]


def test_an_address_in_the_request_gets_no_notification(
    client: TestClient, installation: Installation, owned: Caller
) -> None:
    assert exchange(client, owned.key, STRANGER).status_code == 400
    assert mails(installation) == []
    assert exchange(client, owned.key).status_code == 200
    assert STRANGER not in str(mails(installation))


def test_an_address_for_a_key_without_one_is_registered_and_reported_to_staff(
    client: TestClient, installation: Installation, caller: Caller
) -> None:
    fresh = exchange(client, caller.key, STRANGER).json()["apiKey"]

    [(destination, text)] = mails(installation)
    assert destination == STAFF
    assert f"The address {STRANGER} was given with the request" in text
    registered = {key.prefix: key.email for key in installation.ledger.keys.of("iqu")}
    assert registered == {caller.key[:12]: "", fresh[:12]: STRANGER}


def test_owner_and_staff_are_notified_of_a_key_made_on_the_pages(
    client: TestClient, installation: Installation, owned: Caller
) -> None:
    sign_in(client, owned.key)
    fields = {"form_token": form_token(client), "prefix": owned.key[:12]}
    assert client.post("/keys/rotate", data=fields).status_code == 200
    assert [destination for destination, _ in mails(installation)] == [OWNER, STAFF]


def test_an_owner_never_reads_the_name_of_a_staff_member(
    client: TestClient, installation: Installation, owned: Caller
) -> None:
    sign_in_as_staff(client, installation)
    form = {"form_token": form_token(client, "/staff"), "customer": "iqu", "environment": "qa"}
    client.post("/staff/look", data=form)
    fields = {"form_token": form_token(client, "/keys"), "prefix": owned.key[:12]}
    assert client.post("/keys/rotate", data=fields).status_code == 200

    [(_, to_owner), (_, to_staff)] = mails(installation)
    assert "Made by: our staff" in to_owner
    assert "ada" not in to_owner
    assert "staff ada" in to_staff


def test_a_third_key_on_the_pages_is_refused_with_what_to_do(
    client: TestClient, installation: Installation, owned: Caller
) -> None:
    sign_in(client, owned.key)
    fields = {"form_token": form_token(client), "prefix": owned.key[:12]}
    responses = [client.post("/keys/rotate", data=fields) for _ in range(3)]

    assert [response.status_code for response in responses] == [200, 200, 409]
    assert "revoke it on the API keys page" in responses[-1].text
    assert len(mails(installation)) == 4


def test_an_address_that_is_none_is_reported_under_the_name_of_its_option(
    client: TestClient, caller: Caller
) -> None:
    """It was once reported as that of NotifyEmail, which the call does not have."""
    [error] = errors(exchange(client, caller.key, "nobody"))
    assert error.startswith("The option EmailAddress is not an e-mail address.")
