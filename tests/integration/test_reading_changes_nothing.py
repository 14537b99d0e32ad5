"""Opening a page or sending GET or HEAD to the API changes nothing in the ledger."""

from typing import Any

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from alumniq_pipelines.adapters.ledger.tables import metadata
from alumniq_pipelines.core.loads.target import Environment
from tests.page_visits import accept_load, form_token, send, sign_in, sign_in_as_staff
from tests.servers.gateway import NOW, Caller, Installation

NOTED = {("api_keys", "last_used_at")}
"""Every use of a key is recorded, so that unused keys can be found."""

EXCHANGE = "/api/v1/index.cfm/exchange"
"""By contract, this GET creates a key; tests/integration/test_key_exchange.py tests its limits."""


def contents(installation: Installation) -> dict[str, list[dict[str, Any]]]:
    """Read all tables except what may change."""
    with installation.ledger.database.reading() as connection:
        return {
            name: [
                {column: value for column, value in row.items() if (name, column) not in NOTED}
                for row in connection.execute(select(table)).mappings()
            ]
            for name, table in metadata.tables.items()
        }


def paths(client: TestClient, job_id: str) -> list[str]:
    """Return a URL for every route that accepts GET."""
    app = client.app
    assert isinstance(app, Starlette)
    found = [
        route.path.format(job_id=job_id, form="csv", job="warehouse")
        for route in app.routes
        if isinstance(route, Route) and "GET" in (route.methods or ())
    ]
    assert len(found) > 25
    assert EXCHANGE in found
    return [path for path in found if path != EXCHANGE]


def read_everything(client: TestClient, job_id: str, key: str) -> None:
    """Send every kind of reading request to every URL."""
    for path in paths(client, job_id):
        for method in ("GET", "HEAD"):
            headers = {"Authorization": f"Bearer {key}"} if path.startswith("/api/") else {}
            query = "?filename=warehouse.csv&next=/keys&done=revoked"
            response = client.request(method, path + query, headers=headers, follow_redirects=False)
            assert response.status_code < 500, path
    assert client.head(EXCHANGE, params={"apikey": key}).status_code == 405


@pytest.fixture
def job_id(client: TestClient, caller: Caller, installation: Installation) -> str:
    """Create a load of each customer, a pending notification and an expired session."""
    other = installation.customer("ocu")
    other.deliver("warehouse.csv")
    accept_load(client, other)
    job_id = accept_load(client, caller)
    sign_in(client, caller.key)
    assert send(client, f"/loads/{job_id}/cancel") == 303
    client.cookies.clear()
    return job_id


def test_strangers_and_customers_change_nothing_by_reading(
    client: TestClient, caller: Caller, installation: Installation, job_id: str
) -> None:
    before = contents(installation)
    read_everything(client, job_id, caller.key)
    assert contents(installation) == before

    sign_in(client, caller.key)
    before = contents(installation)
    read_everything(client, job_id, caller.key)
    assert contents(installation) == before


@pytest.mark.parametrize("looks_at", [None, ("iqu", "qa"), ("ocu", "qa")])
def test_staff_change_nothing_by_reading(
    client: TestClient,
    caller: Caller,
    installation: Installation,
    job_id: str,
    looks_at: tuple[str, str] | None,
) -> None:
    sign_in_as_staff(client, installation)
    if looks_at:
        fields = dict(zip(("customer", "environment"), looks_at, strict=True))
        client.post("/staff/look", data={"form_token": form_token(client, "/staff"), **fields})
    before = contents(installation)
    read_everything(client, job_id, caller.key)
    assert contents(installation) == before


def test_staff_see_a_load_and_act_on_it_while_they_look_at_another_customer(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    other = installation.customer("ocu")
    other.deliver("warehouse.csv")
    mine, theirs = accept_load(client, caller), accept_load(client, other)
    sign_in_as_staff(client, installation)
    token = form_token(client, "/staff")
    form = {"form_token": token, "customer": "iqu", "environment": "qa"}
    client.post("/staff/look", data=form)

    page = client.get(f"/loads/{theirs}")
    assert page.status_code == 200
    assert "This load belongs to ocu" in page.text
    assert "This load belongs to" not in client.get(f"/loads/{mine}").text
    assert mine in client.get("/loads").text, "the other pages show whom they showed"
    assert theirs not in client.get("/loads").text
    assert send(client, f"/loads/{theirs}/cancel") == 303
    load = installation.ledger.loads.get(theirs)
    assert load
    assert load.is_final
    assert client.get("/loads/nothing").status_code == 404


def test_customers_get_no_load_of_another_environment_by_its_address(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    live = installation.caller("iqu", Environment.PRODUCTION, NOW)
    live.deliver("warehouse.csv")
    job_id = accept_load(client, live)
    sign_in(client, caller.key)
    assert client.get(f"/loads/{job_id}").status_code == 404
    assert send(client, f"/loads/{job_id}/cancel") == 404
