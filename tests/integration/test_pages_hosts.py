"""The pages at two hosts: a customer's session is for one of them, staff may use either."""

import html
import re
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.target import Environment
from tests.page_visits import form_token, sign_in, sign_in_as_staff
from tests.servers.gateway import NOW, Caller, Installation, call
from tests.two_hosts import NEUTRAL_URL, PUBLIC_URLS, at, client_at, gateway_of, other, with_hosts
from webhook_gateway.pages.page_handlers import SESSION_COOKIE

PUBLIC_PAGES = ("/sign-in",)
ABSOLUTE = re.compile(r"""(?:href|src|action|formaction)="(?:[a-z]+:)?//""")


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


def assert_leads_to(response: Any, environment: Environment) -> None:
    """Check that a page refuses a key and links to the host of its environment."""
    assert response.status_code == 403
    url = PUBLIC_URLS.of(environment)
    assert f'<a href="{url}">Go to {url}</a>' in response.text
    assert '<a href="/sign-in">' in response.text
    assert f"The API key is for {environment}," in response.text


@pytest.mark.parametrize("environment", Environment)
def test_a_key_signs_in_at_its_own_host_only_and_the_other_links_to_it(
    app: Starlette, callers: dict[Environment, Caller], environment: Environment
) -> None:
    key = callers[environment].key
    wrong = at(app, other(environment))
    refused = wrong.post("/sign-in", data={"key": key}, follow_redirects=False)
    assert_leads_to(refused, environment)
    assert "set-cookie" not in refused.headers

    sign_in(at(app, environment), key)
    sign_in(client_at(app, NEUTRAL_URL), key)


def test_a_valid_key_at_the_wrong_host_is_no_failed_sign_in(
    app: Starlette, callers: dict[Environment, Caller]
) -> None:
    """After three failed attempts one waits; a person who is at the wrong address need not."""
    wrong = at(app, Environment.PRODUCTION)
    statuses = {
        wrong.post("/sign-in", data={"key": callers[Environment.QA].key}).status_code
        for _ in range(10)
    }
    assert statuses == {403}
    sign_in(wrong, callers[Environment.PRODUCTION].key)


def _page_routes(app: Starlette) -> list[tuple[str, str]]:
    return [
        (method, route.path.format(job_id="X", form="csv"))
        for route in app.routes
        if isinstance(route, Route)
        and not route.path.startswith(("/api/", "/livez", "/readyz", "/metrics"))
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


@pytest.mark.parametrize("environment", Environment)
def test_every_page_refuses_a_session_of_the_other_host_and_does_nothing(
    app: Starlette, callers: dict[Environment, Caller], environment: Environment
) -> None:
    """Such a session is as old as the second host, or its cookie was copied."""
    caller, own, wrong = callers[environment], at(app, environment), at(app, other(environment))
    load = call(own, caller).json()["jobId"]
    sign_in(own, caller.key)
    fields = {"form_token": form_token(own), "prefix": caller.key[:12]}
    wrong.cookies.set(SESSION_COOKIE, own.cookies[SESSION_COOKIE])
    routes = _page_routes(app)
    assert len(routes) > 20
    for method, path in routes:
        if path in PUBLIC_PAGES:
            continue
        data: Any = {"data": fields} if method == "POST" else {}
        response = wrong.request(method, path.replace("X", load), follow_redirects=False, **data)
        assert_leads_to(response, environment)
    assert len(caller.installation.ledger.keys.of(caller.name)) == 2, "nothing was rotated"
    assert own.get(f"/loads/{load}").status_code == 200, "the session itself goes on"
    assert wrong.get("/sign-in").status_code == 200, "another key can sign in here"


def test_another_key_can_sign_in_where_a_session_is_refused(
    app: Starlette, callers: dict[Environment, Caller]
) -> None:
    own, wrong = at(app, Environment.QA), at(app, Environment.PRODUCTION)
    sign_in(own, callers[Environment.QA].key)
    wrong.cookies.set(SESSION_COOKIE, own.cookies[SESSION_COOKIE])
    assert wrong.get("/webhooks").status_code == 403
    sign_in(wrong, callers[Environment.PRODUCTION].key)


@pytest.mark.parametrize("host", [PUBLIC_URLS.production, PUBLIC_URLS.qa, NEUTRAL_URL])
def test_staff_work_on_both_environments_at_any_host_without_leaving_it(
    installation: Installation, catalog: Catalog, callers: dict[Environment, Caller], host: str
) -> None:
    settings = with_hosts(installation, PUBLIC_URLS, staff_over_http=True)
    app = gateway_of(settings, catalog)
    staff = client_at(app, host)
    sign_in_as_staff(staff, installation)
    for environment, caller in callers.items():
        job_id = call(at(app, environment), caller, notifyEmail="me@example.edu").json()["jobId"]
        fields = {
            "customer": caller.name,
            "environment": environment.value,
            "form_token": form_token(staff, "/staff"),
        }
        selected = staff.post("/staff/look", data=fields)
        assert (selected.status_code, selected.url.path) == (200, "/webhooks")
        for path in ("/staff", "/start", "/loads", f"/loads/{job_id}", "/notifications", "/keys"):
            page = staff.get(path)
            assert page.status_code == 200
            assert str(page.url).startswith(host), path
            assert not ABSOLUTE.search(page.text), path


@pytest.mark.parametrize("environment", Environment)
def test_the_commands_of_a_page_call_the_host_of_the_environment_that_it_shows(
    app: Starlette,
    two_hosts: Installation,
    callers: dict[Environment, Caller],
    environment: Environment,
) -> None:
    """Staff, who may be at either host, copy them for the customer."""
    caller, wanted = callers[environment], PUBLIC_URLS.of(environment)
    customer = at(app, environment)
    sign_in(customer, caller.key)
    pages = [customer.get("/webhooks").text]
    for host in Environment:
        staff = at(app, host)
        sign_in_as_staff(staff, two_hosts)
        fields = {"customer": caller.name, "environment": environment.value}
        staff.post("/staff/look", data={**fields, "form_token": form_token(staff, "/staff")})
        pages.append(staff.get("/webhooks").text)
    for page in pages:
        commands = html.unescape(page)
        assert commands.count(f"{wanted}/api/v1/index.cfm/webhook/") >= 3 * 7
        assert f"//{PUBLIC_URLS.of(other(environment)).removeprefix('https://')}/" not in commands


def test_the_first_steps_say_what_changes_from_qa_to_production(
    app: Starlette, client: TestClient, callers: dict[Environment, Caller]
) -> None:
    qa = at(app, Environment.QA)
    sign_in(qa, callers[Environment.QA].key)
    callers[Environment.PRODUCTION].installation.ledger.keys.revoke(
        callers[Environment.PRODUCTION].key[:12], NOW
    )
    steps = "the key, the folder and the address change: it is https://feeds.example.edu."
    assert steps in html.unescape(qa.get("/start").text)

    sign_in(client, callers[Environment.QA].key)
    assert "only the key and the folder change." in client.get("/start").text


def test_the_sign_in_page_says_whose_keys_it_is_for(app: Starlette, client: TestClient) -> None:
    for environment in Environment:
        page = at(app, environment).get("/sign-in").text
        assert f"This address is for {environment} keys only." in page
    for anywhere in (client_at(app, NEUTRAL_URL), client):
        assert "This address is for" not in anywhere.get("/sign-in").text


@pytest.mark.parametrize("environment", Environment)
def test_the_cookies_of_each_host_stay_there(
    app: Starlette,
    two_hosts: Installation,
    callers: dict[Environment, Caller],
    environment: Environment,
) -> None:
    """A cookie without a domain is sent to the host that set it and to no other."""
    client = at(app, environment)
    signed_in = client.post(
        "/sign-in", data={"key": callers[environment].key}, follow_redirects=False
    )
    sign_in_as_staff(client, two_hosts)
    cookies = [signed_in.headers["set-cookie"], *(str(name) for name in client.cookies)]
    assert SESSION_COOKIE in cookies[1:]
    cookie = signed_in.headers["set-cookie"].lower()
    assert "domain=" not in cookie
    assert "secure" in cookie
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


@pytest.mark.parametrize(
    ("urls", "host", "is_secure"),
    [
        (PublicUrls("https://a.example", "http://qa.example"), "http://a.example", True),
        (PublicUrls("https://a.example", "http://qa.example"), "http://qa.example", False),
        (PublicUrls("http://a.example", "https://qa.example"), "http://a.example", False),
        (PublicUrls("http://a.example", "https://qa.example"), "http://qa.example", True),
        (PublicUrls("https://a.example", "http://qa.example"), "http://10.1.2.3", True),
        (PublicUrls("http://a.example", "https://qa.example"), "http://10.1.2.3", False),
    ],
)
def test_a_cookie_is_secure_if_the_host_it_is_for_has_https(
    installation: Installation, catalog: Catalog, urls: PublicUrls, host: str, *, is_secure: bool
) -> None:
    """The proxy has TLS, so the gateway itself sees plain http."""
    installation.customer()
    qa = installation.caller("iqu", Environment.QA)
    production = installation.caller("iqu", Environment.PRODUCTION)
    key = (production if host == "http://a.example" else qa).key
    client = client_at(gateway_of(with_hosts(installation, urls), catalog), host)
    response = client.post("/sign-in", data={"key": key}, follow_redirects=False)
    assert ("secure" in response.headers["set-cookie"].lower()) is is_secure


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
@pytest.mark.parametrize("environment", Environment)
def test_a_form_that_comes_from_the_other_host_is_refused(
    app: Starlette, callers: dict[Environment, Caller], environment: Environment, site: str
) -> None:
    """Browsers call the two hosts of one domain the same site, and not the same origin."""
    client = at(app, environment)
    sign_in(client, callers[environment].key)
    data = {"form_token": form_token(client), "prefix": callers[environment].key[:12]}
    for path in ("/keys/rotate", "/sign-in", "/sign-out"):
        response = client.post(path, data=data, headers={"sec-fetch-site": site})
        assert response.status_code == 403, path
    assert len(callers[environment].installation.ledger.keys.of("iqu")) == 2
    policy = client.get("/webhooks").headers["content-security-policy"]
    assert "form-action 'self'" in policy


def test_no_response_repeats_the_host_that_a_request_names(
    app: Starlette, callers: dict[Environment, Caller], two_hosts: Installation
) -> None:
    """A Host that someone made up would otherwise end in links that others open."""
    client = client_at(app, "https://evil.example")
    key = callers[Environment.QA].key
    sign_in(client, key)
    client.headers["x-forwarded-host"] = "evil.example"
    paths = [
        *(path for method, path in _page_routes(app) if method == "GET"),
        "/api/",
        "/api/openapi.json",
        f"/api/v1/jobs?apikey={key}",
        f"/api/v1/loads?apikey={key}",
        "/nothing",
    ]
    for path in paths:
        response = client.get(path, follow_redirects=False)
        assert "evil" not in response.text + str(response.headers), path
    accepted = call(client, callers[Environment.QA], notifyEmail="me@example.edu")
    assert "evil" not in accepted.text + str(accepted.headers)
    cancel = client.post(f"/api/v1/loads/{accepted.json()['jobId']}/cancel", json={"apiKey": key})
    assert cancel.status_code == 200
    [mail] = two_hosts.ledger.notifications.find(limit=10)
    assert f"Page: {PUBLIC_URLS.qa}/loads/" in mail.notice.body
    assert "evil" not in mail.notice.body
