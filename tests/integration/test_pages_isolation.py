"""What is not visible to a session does not exist for it."""

import re

from starlette.testclient import TestClient

from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
from alumniq_pipelines.core.access.s3_keys import S3Key, user_name
from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.loads.target import Environment
from tests.page_visits import accept_load, form_token, send, sign_in, sign_in_as_staff
from tests.servers.gateway import NOW, Caller, Installation


def test_one_customer_reaches_no_load_of_another(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    other = installation.customer("ocu")
    other.deliver("warehouse.csv")
    foreign, unknown = accept_load(client, other), "0" * 8 + "-0000-0000-0000000000000000"
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
    job_id = accept_load(client, live)
    sign_in(client, caller.key)
    assert client.get(f"/loads/{job_id}").status_code == 404
    assert job_id not in client.get("/loads").text
    assert live.key[:12] not in client.get("/keys").text
    assert send(client, "/keys/revoke", prefix=live.key[:12]) == 404


def test_customers_have_no_dashboard_and_cannot_switch_customers(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    installation.customer("ocu")
    sign_in(client, caller.key)
    assert client.get("/staff").status_code == 404
    assert send(client, "/staff/look", customer="ocu", environment="qa") == 404
    assert "ocu" not in client.get("/webhooks").text


def test_staff_select_any_customer(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    job_id = accept_load(client, caller)
    sign_in_as_staff(client, installation)
    assert client.get("/loads").url.path == "/staff", "no customer is chosen yet"
    token = form_token(client, "/staff")
    fields = {"form_token": token, "customer": "iqu", "environment": "qa", "next": "/loads"}
    response = client.post("/staff/look", data=fields)
    assert response.url.path == "/loads"
    assert job_id in response.text


def test_customers_cannot_approve_held_loads(client: TestClient, caller: Caller) -> None:
    job_id = accept_load(client, caller)
    sign_in(client, caller.key)
    for action in ("approve", "discard"):
        assert send(client, f"/loads/{job_id}/{action}", reason="it is right") == 404


def test_one_customer_repeats_no_load_of_another(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    other = installation.customer("ocu")
    other.deliver("warehouse.csv")
    job_id = accept_load(client, other)
    sign_in(client, caller.key)
    assert send(client, f"/loads/{job_id}/repeat") == 404


def test_staff_who_follow_a_link_to_a_load_see_its_customer(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    job_id = accept_load(client, caller)
    sign_in_as_staff(client, installation)
    response = client.get(f"/loads/{job_id}")
    assert (response.status_code, response.url.path) == (200, f"/loads/{job_id}")
    assert "iqu" in response.text


def test_the_page_of_s3_keys_lists_those_in_view_without_their_secrets(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    installation.customer("ocu")
    ledger = installation.ledger
    for number, (customer, environment) in enumerate(
        [("iqu", Environment.QA), ("iqu", Environment.PRODUCTION), ("ocu", Environment.QA)]
    ):
        user = user_name(customer, environment)
        key = S3Key(
            access_key_id=f"AKIAMADEUP{number}",
            customer=customer,
            user_name=user,
            encrypted_secret="encrypted secret",
            created_at=NOW,
        )
        S3Keys(ledger.database, ledger.audit).add(key, (), NOW)
    sign_in(client, caller.key)
    text = client.get("/s3-keys").text
    assert re.findall(r"AKIAMADEUP\d", text) == ["AKIAMADEUP0"]
    assert "encrypted secret" not in text
