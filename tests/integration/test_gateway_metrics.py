"""Metrics for monitors, and rate limits."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.feeds.catalog import BrokenFieldMap, Catalog
from tests.servers.gateway import NOW, WEBHOOK, Caller, Installation, call, errors
from webhook_gateway.app import create_app
from webhook_gateway.http.rate_limit import MAX_BUCKETS, RateLimit

Make = Callable[..., TestClient]


@pytest.fixture
def gateway_with(installation: Installation, catalog: Catalog) -> Make:
    """Create clients of gateways with given settings, calling from a given address."""

    def make(address: str = "127.0.0.1", **settings: object) -> TestClient:
        app = create_app(
            installation.settings.model_copy(update=settings),
            ledger=installation.ledger,
            buckets=installation.buckets,
            catalog=catalog,
            clock=lambda: NOW,
        )
        return TestClient(app, raise_server_exceptions=False, client=(address, 50_000))

    return make


def test_metrics_count_requests_loads_and_the_queue(gateway_with: Make, caller: Caller) -> None:
    client = gateway_with()
    call(client, caller)
    call(client, caller, filename="nothing.csv")
    client.get("/no/such/address")
    text = client.get("/metrics").text

    route = "/api/v1/index.cfm/webhook/{job}"
    assert f'requests_total{{method="POST",route="{route}",status="200"}} 1.0' in text
    assert f'requests_total{{method="POST",route="{route}",status="400"}} 1.0' in text
    assert 'requests_total{method="GET",route="other",status="404"} 1.0' in text
    assert 'alumniq_loads{state="queued"} 1.0' in text
    assert "alumniq_queue_depth 1.0" in text
    assert "alumniq_queue_age_seconds 0.0" in text
    assert 'alumniq_incidents{kind="no-file"} 0.0' in text
    assert caller.key not in text
    assert "iqu" not in text


def test_metrics_are_hidden_from_other_networks(gateway_with: Make) -> None:
    assert gateway_with("203.0.113.7").get("/metrics").status_code == 404
    assert gateway_with(metrics_allowed_networks=()).get("/metrics").status_code == 404


def test_a_rate_limited_key_gets_a_retry_after(
    gateway_with: Make, installation: Installation, caller: Caller
) -> None:
    client = gateway_with(calls_per_minute=3)
    other = installation.customer("wwu")
    other.deliver("warehouse.csv")
    responses = [call(client, caller) for _ in range(5)]

    assert [response.status_code for response in responses] == [200, 200, 200, 429, 429]
    assert 1 <= int(responses[-1].headers["retry-after"]) <= 20
    assert errors(responses[-1])[0].startswith("There were too many requests.")
    assert call(client, other).status_code == 200


def test_an_address_that_guesses_keys_is_slowed_down(gateway_with: Make, caller: Caller) -> None:
    client = gateway_with("203.0.113.7", address_calls_per_minute=4)
    guesses = [client.post(WEBHOOK, json={"apiKey": f"guess-{n}"}) for n in range(6)]

    assert [guess.status_code for guess in guesses] == [401, 401, 401, 401, 429, 429]
    assert errors(guesses[-1])[0].startswith("There were too many requests.")
    assert call(client, caller).status_code == 429
    assert client.get("/livez").status_code == 200


def test_a_rate_limit_allows_requests_again_after_a_while() -> None:
    time = [0.0]
    limit = RateLimit(60, clock=lambda: time[0])
    assert [limit.wait("a") for _ in range(60)] == [0] * 60
    assert limit.wait("a") == pytest.approx(1)
    time[0] = 1.0
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0
    time[0] = 1_000.0
    assert [limit.wait("a") for _ in range(61)][-1] > 0


def test_rate_limits_keep_a_bounded_number_of_names() -> None:
    limit = RateLimit(1)
    for number in range(MAX_BUCKETS + 10):
        limit.wait(str(number))
    assert len(limit._buckets) == MAX_BUCKETS


def test_metrics_count_feeds_by_the_state_of_their_field_map(
    gateway_with: Make, installation: Installation, catalog: Catalog
) -> None:
    text = gateway_with().get("/metrics").text
    assert f'alumniq_field_maps{{state="good"}} {len(catalog.feeds)}.0' in text
    broken = {
        feed: BrokenFieldMap(feed=feed, faults=("x.yaml: wrong",), jobs=frozenset())
        for feed in ("warehouse", "new")
    }
    app = create_app(
        installation.settings,
        ledger=installation.ledger,
        buckets=installation.buckets,
        catalog=replace(catalog, broken=broken),
    )
    text = TestClient(app, client=("127.0.0.1", 50_000)).get("/metrics").text
    assert f'alumniq_field_maps{{state="good"}} {len(catalog.feeds) - 1}.0' in text
    assert 'alumniq_field_maps{state="last-good"} 1.0' in text
    assert 'alumniq_field_maps{state="disabled"} 1.0' in text
