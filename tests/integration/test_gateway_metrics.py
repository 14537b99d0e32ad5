"""Metrics for monitors, and rate limits."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.feeds.catalog import BrokenFieldMap, Catalog
from alumniq_pipelines.core.loads.archive import Receipt
from alumniq_pipelines.core.loads.load import LoadRequest, new_job_id
from alumniq_pipelines.core.loads.target import Target
from tests.servers.gateway import NOW, WEBHOOK, Caller, Installation, call, errors
from tests.small_holds import hold_of
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


def test_metrics_count_loads_that_have_not_begun_and_launches_that_failed(
    gateway_with: Make, installation: Installation, caller: Caller
) -> None:
    client, queue = gateway_with(), installation.ledger.queue
    for _ in range(3):
        call(client, caller)
    queue.request(installation.loads()[-1], NOW)
    text = client.get("/metrics").text
    assert "alumniq_queue_depth 3.0" in text
    assert 'alumniq_loads{state="requested"} 1.0' in text
    assert "alumniq_failed_launches 0.0" in text
    queue.requeue(installation.loads()[-1], NOW, is_failed_launch=True)
    text = client.get("/metrics").text
    assert "alumniq_queue_depth 3.0" in text
    assert 'alumniq_loads{state="requested"} 0.0' in text
    assert "alumniq_failed_launches 1.0" in text


def test_the_age_of_the_queue_counts_from_the_approval_of_a_held_load(
    gateway_with: Make, installation: Installation, caller: Caller
) -> None:
    """A load approved after days looked like a queue that had not moved for days."""
    ledger, accepted = installation.ledger, NOW - timedelta(days=3)
    target = Target(caller.name, caller.environment, "warehouse")
    load = ledger.loads.accept(LoadRequest(new_job_id(), target, "w.csv", None, None), accepted)
    ledger.attempts.begin(load, "run-1", accepted)
    assert ledger.holds.hold(hold_of(load, accepted), 1, Receipt("cafe", "e1"), [])
    ledger.holds.approve(load.job_id, "ada", "The merger is real.", NOW - timedelta(minutes=1))
    text = gateway_with().get("/metrics").text
    assert "alumniq_queue_depth 1.0" in text
    assert "alumniq_queue_age_seconds 60.0" in text


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
