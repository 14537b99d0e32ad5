"""Two public hosts: a key of one environment is refused at the other's, with the right address."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from alumniq_pipelines.core.access.api_keys import KeyScope
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.target import Environment
from tests.servers.gateway import DAYS, NOW, WEBHOOK, Caller, Installation, call, errors
from tests.two_hosts import NEUTRAL_URL, PUBLIC_URLS, at, client_at, gateway_of, other, with_hosts
from webhook_gateway.http.errors import ERROR_CODES

EXCHANGE = "/api/v1/index.cfm/exchange"
PROXY, STRANGER = "192.0.2.1", "203.0.113.9"


@pytest.fixture
def two_hosts(installation: Installation) -> Installation:
    """Return the installation with a host for each environment."""
    return with_hosts(installation, PUBLIC_URLS)


@pytest.fixture
def app(two_hosts: Installation, catalog: Catalog) -> Starlette:
    """Return its gateway."""
    return gateway_of(two_hosts, catalog)


@pytest.fixture
def callers(two_hosts: Installation, caller: Caller) -> dict[Environment, Caller]:
    """Return a customer's key of each environment, each with its file."""
    production = two_hosts.caller(caller.name, Environment.PRODUCTION)
    production.deliver("warehouse.csv")
    return {Environment.QA: caller, Environment.PRODUCTION: production}


def assert_is_sent_to(response: Any, environment: Environment) -> None:
    """Check that a key of an environment is refused, with its address and a code for programs."""
    assert response.status_code == 403
    assert response.headers[ERROR_CODES] == "wrong-host"
    [message] = errors(response)
    assert f"for {environment}," in message
    assert f"With this key, use {PUBLIC_URLS.of(environment)}. " in message
    assert int(response.headers[DAYS]) == 365, "the key itself is valid"


@pytest.mark.parametrize("environment", Environment)
def test_a_key_is_accepted_at_its_own_host_and_sent_there_from_the_other(
    app: Starlette, callers: dict[Environment, Caller], environment: Environment
) -> None:
    caller = callers[environment]
    assert_is_sent_to(call(at(app, other(environment)), caller), environment)
    assert caller.installation.loads() == [], "nothing was queued"

    accepted = call(at(app, environment), caller)
    assert accepted.status_code == 200
    [load] = caller.installation.loads()
    assert load.target.environment is environment


@pytest.mark.parametrize("environment", Environment)
@pytest.mark.parametrize(
    "url", [NEUTRAL_URL, "http://localhost:8080", "http://gateway.internal", "http://[::1]:8080"]
)
def test_both_environments_work_at_any_other_name_of_the_gateway(
    app: Starlette, callers: dict[Environment, Caller], environment: Environment, url: str
) -> None:
    assert call(client_at(app, url), callers[environment]).status_code == 200


@pytest.mark.parametrize("host", ["", "[::1", "feeds.example.edu.evil.example", "\xff", "a,b"])
def test_a_host_that_is_no_name_of_ours_changes_nothing(
    app: Starlette, callers: dict[Environment, Caller], host: str
) -> None:
    client = client_at(app, NEUTRAL_URL)
    headers = {
        "host": host.encode("latin-1"),
        "authorization": f"Bearer {callers[Environment.QA].key}",
    }
    response = client.get("/api/v1/jobs", headers=cast("Any", headers))
    assert response.status_code == 200


@pytest.mark.parametrize(
    "host", ["FEEDS.example.edu", "feeds.example.edu.", "feeds.example.edu:8443"]
)
def test_a_host_is_recognised_however_it_is_spelt(
    app: Starlette, callers: dict[Environment, Caller], host: str
) -> None:
    response = call(client_at(app, f"https://{host}"), callers[Environment.QA])
    assert_is_sent_to(response, Environment.QA)


def test_both_environments_work_at_the_one_host_of_an_installation_without_qas(
    client: TestClient, caller: Caller, installation: Installation
) -> None:
    production = installation.caller(caller.name, Environment.PRODUCTION)
    production.deliver("warehouse.csv")
    assert [call(client, key).status_code for key in (caller, production)] == [200, 200]


def _operations(app: Starlette) -> list[tuple[str, str]]:
    return [
        (method, route.path.format(job="warehouse", job_id="X", notification="Y"))
        for route in app.routes
        if isinstance(route, Route) and route.path.startswith("/api/v1/")
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


@pytest.mark.parametrize("environment", Environment)
def test_every_operation_of_the_api_refuses_a_key_of_the_other_host_and_does_nothing(
    app: Starlette, callers: dict[Environment, Caller], environment: Environment
) -> None:
    caller, client = callers[environment], at(app, other(environment))
    operations = _operations(app)
    assert len(operations) > 15
    for method, path in operations:
        for headers, query in (
            ({"authorization": f"Bearer {caller.key}"}, {}),
            ({}, {"APIKEY": caller.key, "emailaddress": "me@example.edu"}),
        ):
            assert_is_sent_to(
                client.request(method, path, headers=headers, params=query), environment
            )
    ledger = caller.installation.ledger
    assert len(ledger.keys.of(caller.name)) == 2, "no key was exchanged"
    assert list(ledger.notifications.find(limit=10)) == []
    assert client.get(EXCHANGE, params={"apikey": caller.key}).status_code == 403
    exchanged = at(app, environment).get(
        EXCHANGE, params={"apikey": caller.key, "emailaddress": "me@example.edu"}
    )
    assert exchanged.status_code == 200


def _invalid_keys(installation: Installation, environment: Environment) -> Sequence[str]:
    """Return keys that are unknown, misspelt, expired, revoked, or used from a wrong network."""
    known = installation.caller("iqu", environment)
    expired = installation.caller("iqu", environment, NOW - timedelta(days=400))
    revoked = installation.caller("iqu", environment)
    installation.ledger.keys.revoke(revoked.key[:12], NOW)
    scope = KeyScope(networks=("198.51.100.0/24",))
    bound, _ = installation.ledger.keys.issue("iqu", environment, NOW, scope=scope)
    head = "aq_test_" if environment is Environment.QA else "aq_live_"
    return (f"{head}nothing", known.key[:-1], expired.key, revoked.key, bound)


@pytest.mark.parametrize("environment", Environment)
def test_a_key_that_is_not_valid_learns_nothing_of_its_environment_at_any_host(
    app: Starlette,
    two_hosts: Installation,
    callers: dict[Environment, Caller],
    environment: Environment,
) -> None:
    del callers
    found = set()
    for url in (PUBLIC_URLS.production, PUBLIC_URLS.qa, NEUTRAL_URL):
        client = client_at(app, url)
        for key in _invalid_keys(two_hosts, environment):
            response = client.post(WEBHOOK, json={"apiKey": key, "filename": "warehouse.csv"})
            headers = {name: value for name, value in response.headers.items() if name != "date"}
            found.add((response.status_code, response.text, str(sorted(headers.items()))))
            page = client.post("/sign-in", data={"key": key})
            assert (page.status_code, dict(client.cookies)) == (401, {})
            assert not any(PUBLIC_URLS.of(known) in page.text for known in Environment)
    [(status, text, all_headers)] = found
    assert status == 401
    assert "refused-key" in all_headers
    assert DAYS not in all_headers
    assert "feeds.example.edu" not in text + all_headers


def test_a_second_customers_keys_follow_the_same_rule_and_stay_within_their_own(
    app: Starlette, two_hosts: Installation, callers: dict[Environment, Caller]
) -> None:
    theirs = two_hosts.customer("aku")
    theirs.deliver("warehouse.csv")
    assert_is_sent_to(call(at(app, Environment.PRODUCTION), theirs), Environment.QA)
    assert call(at(app, Environment.QA), theirs).status_code == 200
    assert call(at(app, Environment.QA), callers[Environment.QA]).status_code == 200
    assert [load.target.customer for load in two_hosts.loads()] == ["iqu", "aku"]


def test_calls_to_the_wrong_host_count_against_the_rate_limit_of_the_key(
    installation: Installation, catalog: Catalog, caller: Caller
) -> None:
    limited = with_hosts(installation, PUBLIC_URLS, calls_per_minute=2)
    client = at(gateway_of(limited, catalog), Environment.PRODUCTION)
    assert [call(client, caller).status_code for _ in range(3)] == [403, 403, 429]


@pytest.mark.parametrize("sender", [PROXY, STRANGER])
@pytest.mark.parametrize("environment", Environment)
def test_no_header_of_a_proxy_stands_in_for_the_host_whoever_sends_it(
    app: Starlette, callers: dict[Environment, Caller], environment: Environment, sender: str
) -> None:
    """A proxy that is trusted passes on what its client sent in headers that it does not know."""
    behind_proxy = ProxyHeadersMiddleware(cast("Any", app), trusted_hosts=PROXY)
    key = {"authorization": f"Bearer {callers[environment].key}"}
    for url, status in (
        (PUBLIC_URLS.of(environment), 200),
        (PUBLIC_URLS.of(other(environment)), 403),
        (NEUTRAL_URL, 200),
    ):
        for claimed in map(PUBLIC_URLS.of, Environment):
            name = claimed.removeprefix("https://")
            for header, value in (
                ("x-forwarded-host", name),
                ("x-forwarded-server", name),
                ("x-original-host", name),
                ("x-host", name),
                ("forwarded", f"host={name}"),
                ("x-forwarded-for", f"10.0.0.1, {name}"),
            ):
                client = client_at(cast("Any", behind_proxy), url, sender)
                response = client.get("/api/v1/jobs", headers={**key, header: value})
                assert response.status_code == status, (url, header, value)


def test_what_needs_no_key_is_the_same_at_every_host(app: Starlette) -> None:
    clients = [client_at(app, url) for url in (PUBLIC_URLS.production, PUBLIC_URLS.qa, NEUTRAL_URL)]
    for path in ("/livez", "/readyz", "/static/pages.css", "/no-such-page"):
        assert (
            len({(client.get(path).status_code, client.get(path).text) for client in clients}) == 1
        )


def test_the_openapi_document_names_the_server_of_the_host_it_was_read_at(app: Starlette) -> None:
    for environment in Environment:
        reference = at(app, environment).get("/api/").text
        shown = f"Address for {environment} keys: <code>{PUBLIC_URLS.of(environment)}</code>"
        assert shown in reference
        assert f"for {other(environment)} keys" not in reference
    servers = {
        url: [
            server["url"]
            for server in client_at(app, url).get("/api/openapi.json").json()["servers"]
        ]
        for url in (PUBLIC_URLS.production, PUBLIC_URLS.qa, NEUTRAL_URL)
    }
    assert servers == {
        PUBLIC_URLS.production: [PUBLIC_URLS.production],
        PUBLIC_URLS.qa: [PUBLIC_URLS.qa],
        NEUTRAL_URL: [PUBLIC_URLS.production, PUBLIC_URLS.qa],
    }


def test_requests_are_tried_at_qa_and_the_reference_at_production_links_there(
    app: Starlette, callers: dict[Environment, Caller]
) -> None:
    """A form puts the key into a URL, so it says to use a QA key, and those work only at QA."""
    production, qa, anywhere = (
        client_at(app, url).get("/api/").text
        for url in (PUBLIC_URLS.production, PUBLIC_URLS.qa, NEUTRAL_URL)
    )
    link = f'<a href="{PUBLIC_URLS.qa}/api/">'
    assert link in production
    assert "<form" not in production
    assert link not in qa + anywhere
    assert qa.count("<form") == anywhere.count("<form") > 3
    tried = at(app, Environment.QA).get(
        "/api/v1/jobs", params={"apikey": callers[Environment.QA].key}
    )
    assert tried.status_code == 200


def test_with_one_host_the_document_has_one_server(
    installation: Installation, catalog: Catalog
) -> None:
    one_host = with_hosts(installation, PublicUrls("https://feeds.example.edu", ""))
    for url in ("https://feeds.example.edu", NEUTRAL_URL):
        document = client_at(gateway_of(one_host, catalog), url).get("/api/openapi.json").json()
        assert document["servers"] == [{"url": "https://feeds.example.edu"}]


def test_every_error_has_its_code_for_programs(
    app: Starlette, callers: dict[Environment, Caller]
) -> None:
    client, caller = at(app, Environment.QA), callers[Environment.QA]
    refused = call(client, caller, WEBHOOK.replace("warehouse", "nothing"), filename="")
    assert refused.headers[ERROR_CODES] == "unknown-job, missing-option"
    assert client.get("/api/v2").headers[ERROR_CODES] == "unknown-address"
    assert client.put(WEBHOOK).headers[ERROR_CODES] == "wrong-method"
    assert ERROR_CODES not in call(client, caller).headers
