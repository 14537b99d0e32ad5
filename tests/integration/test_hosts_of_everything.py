"""With two hosts, nothing that is produced for one environment names the host of the other.

The test opens every route of the gateway as every customer, in both environments, and reads every
notification. What names another host on purpose is listed here, with the reason.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.applications import Starlette

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notification
from alumniq_pipelines.defs.metadata import load_metadata
from tests.integration.test_customer_isolation import Walk, World, texts
from tests.page_visits import PASSWORD, form_token
from tests.servers.gateway import Installation
from tests.two_customers import STAFF_NAME, Tenant, set_up_tenants
from tests.two_hosts import client_at, gateway_of, with_hosts

URLS = PublicUrls("https://northlight.example", "https://southcross.example")
HOSTS: Mapping[Environment, str] = {
    Environment.PRODUCTION: "northlight",
    Environment.QA: "southcross",
}
"""Words that occur in nothing but these URLs."""

STAFF_HOST = Environment.PRODUCTION
"""Every notice to staff links here, also of a load of QA: staff sign in once, at one host, and a
browser would not send the cookie of that session to the other one."""

WITH_OWN_HOST = {
    "GET /webhooks",
    "GET /",
    "POST /sign-in",
    "GET /api/",
    "GET /api/openapi.json",
}
"""The only responses with a URL of ours; all other links of pages and API are paths. Signing in and
the start page lead to the commands of /webhooks."""

WITH_FORMS_AT_QA = "GET /api/"
"""The reference at production links to QA's, which has the forms to try a request: a form puts the
key into a URL, which production keys are too good for."""


@pytest.fixture
def two_hosts(installation: Installation) -> Installation:
    """Return an installation with a host for each environment, and no rate limits."""
    return with_hosts(
        installation,
        URLS,
        calls_per_minute=0,
        address_calls_per_minute=0,
        staff_over_http=True,
    )


@pytest.fixture
def tenants(two_hosts: Installation, tmp_path: Path) -> Sequence[Tenant]:
    """Make everything happen to two customers, in both environments of each."""
    return set_up_tenants(two_hosts, tmp_path)


@pytest.fixture
def app(two_hosts: Installation, catalog: Catalog) -> Starlette:
    """Return the gateway."""
    return gateway_of(two_hosts, catalog)


def hosts_in(text: str) -> set[Environment]:
    """Return the environments whose hosts a text names."""
    return {environment for environment, host in HOSTS.items() if host in text.lower()}


@dataclass
class HostWalk(Walk):
    """A customer's requests to all routes; collects which hosts the responses name."""

    hosts: dict[str, set[Environment]] = field(default_factory=lambda: defaultdict(set))

    def inspect(self, call: str, response: Response) -> None:
        """Collect the hosts that a response names."""
        assert response.status_code != 403 or "wrong-host" not in str(response.headers), call
        for _, text in texts(response):
            self.hosts[call] |= hosts_in(text)


@pytest.mark.parametrize("position", [0, 3])  # QA of the first customer, production of the second
def test_no_response_to_a_customer_names_the_host_of_the_other_environment(
    app: Starlette, tenants: Sequence[Tenant], position: int
) -> None:
    tenant = tenants[position]
    walk = HostWalk(World(client_at(app, URLS.of(tenant.environment)), tenants), tenant)
    walk.through_everything()
    expected = {call: {tenant.environment} for call in WITH_OWN_HOST}
    if tenant.environment is Environment.PRODUCTION:
        expected[WITH_FORMS_AT_QA] = set(Environment)
    assert {call: found for call, found in walk.hosts.items() if found} == expected
    assert any(status < 400 for status in walk.statuses["POST", "/upload"])
    notices = list(_notices(tenants))
    assert len(notices) > 100
    _assert_each_names_its_host(notices)


def test_no_notification_names_the_host_of_the_other_environment(
    tenants: Sequence[Tenant],
) -> None:
    notices = list(_notices(tenants))
    _assert_each_names_its_host(notices)
    with_link = {
        (environment, notification.notice.audience, notification.notice.channel)
        for environment, notification in notices
        if hosts_in(notification.notice.body)
    }
    assert with_link == {
        (environment, audience, channel)
        for environment in Environment
        for audience, channel in (
            (Audience.CUSTOMER, Channel.MAIL),
            (Audience.STAFF, Channel.MAIL),
            (Audience.STAFF, Channel.CHAT),
            (Audience.STAFF, Channel.TEAMS),
        )
    }, "a callback has the four keys of the contract and no link"


def _notices(tenants: Sequence[Tenant]) -> Iterator[tuple[Environment, Notification]]:
    """Pair every notification of a load or key with its environment."""
    ledger = tenants[0].installation.ledger
    for notification in ledger.notifications.find(limit=10_000):
        load = ledger.loads.get(notification.job_id) if notification.job_id else None
        if load is not None:
            yield load.target.environment, notification
            continue
        named = [
            environment
            for environment in Environment
            if f"Environment: {environment}" in notification.notice.body
        ]
        if named:
            yield named[0], notification
        else:
            assert not hosts_in(notification.notice.body), "an incident has no link"


def _assert_each_names_its_host(notices: Sequence[tuple[Environment, Notification]]) -> None:
    for environment, notification in notices:
        notice = notification.notice
        allowed = STAFF_HOST if notice.audience is Audience.STAFF else environment
        text = f"{notice.subject} {notice.body} {notice.destination}"
        assert hosts_in(text) <= {allowed}, (environment, notice)


@pytest.mark.parametrize("host", Environment)
def test_pages_for_staff_name_a_host_only_in_commands_for_the_customer(
    app: Starlette, tenants: Sequence[Tenant], host: Environment
) -> None:
    client = client_at(app, URLS.of(host))
    client.post("/sign-in", data={"name": STAFF_NAME, "password": PASSWORD})
    for tenant in tenants:
        fields = {"customer": tenant.customer, "environment": tenant.environment.value}
        client.post("/staff/look", data={**fields, "form_token": form_token(client, "/staff")})
        pages = ("/staff", "/start", "/loads", "/notifications", "/keys", "/s3-keys", "/upload")
        for path in (*pages, *(f"/loads/{job_id}" for job_id in tenant.loads.values())):
            response = client.get(path)
            assert response.status_code == 200
            assert hosts_in(response.text) == set(), path
        assert hosts_in(client.get("/webhooks").text) == {tenant.environment}


def test_the_page_of_a_load_in_dagster_is_at_the_host_where_staff_sign_in(
    tenants: Sequence[Tenant],
) -> None:
    ledger = tenants[0].installation.ledger
    for tenant in tenants:
        load = ledger.loads.get(tenant.loads["succeeded"])
        assert load is not None
        page = load_metadata(load, 1, None, URLS)["load page"]
        assert page.value == f"{URLS.staff}/loads/{load.job_id}"
