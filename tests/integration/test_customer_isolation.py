"""A customer reads nothing of staff, of monitors or of another customer, wherever they look.

The test opens every route of the gateway: for a new one, add here how to call it.
"""

import html
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from httpx2 import Response
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.rejection_report import ReportFormat
from alumniq_pipelines.core.notifications.notification import Audience, Channel, channel_facts
from tests.page_visits import PASSWORD, form_token, sign_in
from tests.servers.gateway import NOW, Installation
from tests.two_customers import (
    CHAT_URL,
    CUSTOMERS,
    STAFF_EMAILS,
    STAFF_NAME,
    TEAMS_URL,
    VIEW,
    Tenant,
    set_up_tenants,
)
from webhook_gateway.api.openapi import document
from webhook_gateway.app import create_app

DOCUMENT = document(PublicUrls.shared("http://testserver"))
NEVER = "00000000-0000-0000-0000000000000000"
JOBS = ("warehouse", "warehouse-degrees", "no-such-job")
PARAMETER = re.compile(r"{(\w+)}")
NOT_FOR_CUSTOMERS = frozenset(
    {
        ("GET", "/metrics"),
        ("GET", "/staff"),
        ("POST", "/staff/look"),
        ("POST", "/loads/{job_id}/approve"),
        ("POST", "/loads/{job_id}/discard"),
    }
)
FOR_CUSTOMERS = {
    channel for channel in Channel if Audience.CUSTOMER in channel_facts(channel).audiences
}
LAST = ("/keys/revoke", "/sign-out")
"""They end the session or key that the other requests need."""

Leak = tuple[str, str, str]


@dataclass(frozen=True)
class World:
    """A gateway with two customers, and the viewer who opens it."""

    client: TestClient
    tenants: Sequence[Tenant]

    @property
    def routes(self) -> list[Route]:
        """Every route of the gateway except the style sheet and the script."""
        routes = cast("Starlette", self.client.app).routes
        assert {route.path for route in routes if isinstance(route, Mount)} == {"/static"}
        return [route for route in routes if isinstance(route, Route)]

    @property
    def job_ids(self) -> list[str]:
        """Every load of both customers, and one that never existed."""
        return [*(load.job_id for load in self.tenants[0].installation.loads()), NEVER]

    def notifications(self, viewer: Tenant) -> Iterator[tuple[str, str]]:
        """Pair every notification with its load; those of incidents with a load of the viewer's."""
        found = viewer.installation.ledger.notifications.find(limit=10_000)
        own = viewer.loads["exhausted"]
        yield own, "msg_never"
        for notification in found:
            yield notification.job_id or own, notification.id


@pytest.fixture
def world(installation: Installation, catalog: Catalog, tmp_path: Path) -> Iterator[World]:
    """Create the installation; its gateway has no rate limits."""
    tenants = set_up_tenants(installation, tmp_path)
    settings = installation.settings.model_copy(
        update={
            "calls_per_minute": 0,
            "address_calls_per_minute": 0,
            "staff_email": ", ".join(STAFF_EMAILS),
            "staff_webhook": SecretStr(CHAT_URL),
            "staff_teams_webhook": SecretStr(TEAMS_URL),
            "staff_over_http": True,
        }
    )
    app = create_app(
        settings,
        ledger=installation.ledger,
        buckets=installation.buckets,
        catalog=catalog,
        clock=lambda: NOW,
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        yield World(client, tenants)


def secrets_from(viewer: Tenant, tenants: Sequence[Tenant]) -> Mapping[str, str]:
    """Map every text that a viewer must not read to its owner."""
    found = dict.fromkeys((*STAFF_EMAILS, STAFF_NAME), "staff")
    found |= dict.fromkeys((CHAT_URL, "chat to staff", "Staff chat"), "the staff chat")
    found |= dict.fromkeys((TEAMS_URL, "teams to staff", "Microsoft Teams"), "the staff's Teams")
    found |= dict.fromkeys(
        (VIEW.format(customer) for customer in CUSTOMERS), "the warehouse's owner"
    )
    for tenant in tenants:
        found |= {tenant.heartbeat_url: "a monitor"}
        if tenant is viewer:
            continue
        found |= dict.fromkeys(
            (*tenant.private, *tenant.loads.values(), tenant.s3_key_id), "another"
        )
        if tenant.customer == viewer.customer:
            own = (f"-{tenant.customer}-{tenant.environment}.csv", f".example/{tenant.environment}")
            found |= dict.fromkeys(own, "the other environment")
        else:
            found |= dict.fromkeys(
                (tenant.customer, CUSTOMERS[tenant.customer]), "another customer"
            )
    return {text.lower(): whose for text, whose in found.items()}


@dataclass
class Walk:
    """A viewer's requests to all routes; collects what leaked and what was reached."""

    world: World
    viewer: Tenant
    leaks: set[Leak] = field(default_factory=set)
    statuses: dict[tuple[str, str], set[int]] = field(default_factory=dict)

    def through_everything(self) -> None:
        """Send all GET requests, then all others, and end the session last."""
        sign_in(self.world.client, self.viewer.caller.key)
        for route in self.world.routes:
            if "GET" in (route.methods or {"GET"}):
                self._visit(route, "GET")
        to_post = [
            candidate for candidate in self.world.routes if "POST" in (candidate.methods or set())
        ]
        for route in sorted(
            to_post, key=lambda candidate: (candidate.path in LAST, candidate.path)
        ):
            self._visit(route, "POST")

    def _visit(self, route: Route, method: str) -> None:
        statuses = self.statuses.setdefault((method, route.path), set())
        for response in self._answers(route, method):
            statuses.add(response.status_code)
            self.inspect(f"{method} {route.path}", response)

    def inspect(self, call: str, response: Response) -> None:
        """Collect what a response shows that is not the viewer's."""
        secrets = secrets_from(self.viewer, self.world.tenants)
        for position, text in texts(response):
            lower = text.lower()
            self.leaks |= {
                (call, position, f"{whose}: {secret}")
                for secret, whose in secrets.items()
                if secret in lower
            }
            if position.endswith("notifications[].channel") and lower not in FOR_CUSTOMERS:
                self.leaks.add((call, position, f"a channel: {lower}"))

    def _answers(self, route: Route, method: str) -> Iterator[Response]:
        client, is_api = self.world.client, route.path.startswith("/api/v1/")
        headers = {"Authorization": f"Bearer {self.viewer.caller.key}"} if is_api else {}
        token = "" if method == "GET" or is_api else form_token(client)
        for values in self._values(route.path):
            path = route.path.format(**values)
            if method == "GET":
                for query in ({}, examples(route.path)) if is_api else ({},):
                    yield client.get(path, headers=headers, params=query)
            elif is_api:
                yield client.post(path, headers=headers, json=self._options(route.path))
            else:
                fields = {"form_token": token, **values, **self._fields(route.path)}
                files = {"file": ("monday.csv", b"xid\n1\n")} if path == "/upload" else None
                yield client.post(path, data=fields, files=files)

    def _values(self, path: str) -> Sequence[Mapping[str, str]]:
        """Return the parameters for a route; a form may name a notification."""
        job_ids, named = self.world.job_ids, self.world.notifications(self.viewer)
        known: dict[tuple[str, ...], Sequence[Mapping[str, str]]] = {
            (): [{}],
            ("job",): [{"job": job} for job in JOBS],
            ("job_id",): [{"job_id": job} for job in job_ids],
            ("job_id", "form"): [{"job_id": j, "form": f} for j in job_ids for f in ReportFormat],
            ("job_id", "notification"): [{"job_id": j, "notification": n} for j, n in named],
        }
        is_resent = path.endswith("/resend")
        parameters = ("job_id", "notification") if is_resent else tuple(PARAMETER.findall(path))
        assert parameters in known, f"Add how {path} is called."
        return known[parameters]

    def _options(self, path: str) -> Mapping[str, str]:
        """Return what a request to the API sends."""
        sent = {
            "/api/v1/index.cfm/webhook/{job}": {"filename": "warehouse.csv"},
            "/api/v1/index.cfm/webhook/{job}/": {"filename": "warehouse.csv"},
            "/api/v1/index.cfm/aws/accesskey": {"accessKeyId": self.viewer.s3_key_id},
            "/api/v1/loads/{job_id}/cancel": {},
            "/api/v1/loads/{job_id}/repeat": {},
            "/api/v1/loads/{job_id}/notifications/{notification}/resend": {},
        }
        assert path in sent, f"Add what {path} accepts."
        return sent[path]

    def _fields(self, path: str) -> Mapping[str, str]:
        """Return what the form of a page sends."""
        foreign = next(tenant for tenant in self.world.tenants if tenant is not self.viewer)
        decision = {"reason": "It is right."}
        sent = {
            "/sign-in": {"key": self.viewer.caller.key},
            "/sign-out": {},
            "/upload": {"job": "warehouse", "email": "me@example.edu"},
            "/loads/{job_id}/cancel": {},
            "/loads/{job_id}/resend": {},
            "/loads/{job_id}/repeat": {},
            "/loads/{job_id}/approve": decision,
            "/loads/{job_id}/discard": decision,
            "/keys/rotate": {"prefix": self.viewer.bound_prefix},
            "/keys/revoke": {"prefix": self.viewer.bound_prefix},
            "/staff/look": {"customer": foreign.customer, "environment": "qa"},
        }
        assert path in sent, f"Add what the form of {path} sends."
        return sent[path]


def examples(path: str) -> Mapping[str, str]:
    """Return the example query parameters from the OpenAPI document."""
    described = DOCUMENT["paths"][path]["get"]["parameters"]
    query = {
        parameter["name"]: str(parameter["example"])
        for parameter in described
        if parameter["in"] == "query"
    }
    if "notifyWebhook" in query:
        query["notifyWebhook"] = "https://127.0.0.1/"  # no outside host is contacted
    return query


def texts(response: Response) -> Iterator[tuple[str, str]]:
    """Yield every part of a response: fields of JSON, files of a workbook, headers."""
    yield "headers", str(response.headers)
    kind = response.headers.get("content-type", "")
    if "json" in kind:
        yield from leaves(response.json())
    elif "html" in kind:
        yield "page", html.unescape(response.text)
    elif "spreadsheet" in kind:
        with zipfile.ZipFile(io.BytesIO(response.content)) as book:
            for name in book.namelist():
                yield name, book.read(name).decode()
    else:
        yield "text", response.text


def leaves(value: Any, position: str = "") -> Iterator[tuple[str, str]]:
    """Yield the names and values of JSON, each with its path."""
    match value:
        case dict():
            for name, inner in value.items():
                yield f"{position} (a name)", name
                yield from leaves(inner, f"{position}.{name}")
        case list():
            for inner in value:
                yield from leaves(inner, f"{position}[]")
        case str():
            yield position, value
        case _:
            yield position, json.dumps(value)


@pytest.mark.parametrize("position", range(4))
def test_no_field_of_any_response_and_no_page_shows_a_customer_what_is_not_theirs(
    world: World, position: int
) -> None:
    walk = Walk(world, world.tenants[position])
    walk.through_everything()
    leaks = "\n".join(" | ".join(leak) for leak in sorted(walk.leaks))
    assert not leaks, leaks
    not_reached = {
        call for call, found in walk.statuses.items() if not any(status < 400 for status in found)
    }
    assert not_reached == NOT_FOR_CUSTOMERS


def test_every_operation_of_the_document_is_a_route_that_is_opened(world: World) -> None:
    routes = {(method, route.path) for route in world.routes for method in route.methods or ()}
    described = {
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert described <= routes


def test_staff_read_on_the_pages_what_customers_do_not(world: World) -> None:
    client, tenant = world.client, world.tenants[0]
    client.cookies.clear()
    client.post("/sign-in", data={"name": STAFF_NAME, "password": PASSWORD})
    fields = {"customer": tenant.customer, "environment": tenant.environment.value}
    client.post("/staff/look", data={**fields, "form_token": form_token(client, "/staff")})
    for path in (f"/loads/{tenant.loads['exhausted']}", "/notifications"):
        text = html.unescape(client.get(path).text)
        for shown in (
            *STAFF_EMAILS,
            f"{tenant.heartbeat_url}/fail",
            "Staff chat",
            "Microsoft Teams",
        ):
            assert shown in text
