"""A call is answered in time whatever hangs, and what was answered with 503 is not recorded."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event

import pytest
from sqlalchemy.pool import QueuePool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from alumniq_pipelines.adapters.bucket.folder import FolderBucket, FolderBuckets
from alumniq_pipelines.core.access.public_urls import NO_PUBLIC_URLS
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.bucket import StoredFile
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.problems.outage import BucketUnavailable, CallTimedOut, GatewayStopping
from tests.servers.gateway import Caller, Installation
from webhook_gateway.http import health
from webhook_gateway.http.authentication import Authenticator
from webhook_gateway.http.claim import Claim
from webhook_gateway.http.health import Health
from webhook_gateway.http.rate_limit import RateLimit
from webhook_gateway.http.webhook import Webhook
from webhook_gateway.services import bucket_slots
from webhook_gateway.services.bucket_incidents import BucketIncidents
from webhook_gateway.services.intake import Intake
from webhook_gateway.services.load_queries import Status
from webhook_gateway.services.self_test import SelfTest

SECONDS = 20


@dataclass(frozen=True, slots=True)
class SlowBuckets(FolderBuckets):
    """Buckets that find a file only once they are released."""

    released: Event = field(default_factory=Event)
    looked: Event = field(default_factory=Event)

    def ping(self) -> None:
        """Wait."""
        assert self.released.wait(SECONDS)

    def open(self, name: str) -> "SlowBucket":
        """Open a bucket."""
        return SlowBucket(self.root / name, 0, self.released, self.looked)


@dataclass(frozen=True, slots=True)
class SlowBucket(FolderBucket):
    """A bucket that finds a file only once it is released."""

    released: Event = field(default_factory=Event)
    looked: Event = field(default_factory=Event)

    def head(self, key: str) -> StoredFile | None:
        """Wait, then look."""
        self.looked.set()
        assert self.released.wait(SECONDS)
        return super(SlowBucket, self).head(key)


@dataclass(frozen=True, slots=True)
class OneHangs(SlowBuckets):
    """Buckets in a store, of which the one of `iqu` is slow and the others are not."""

    @property
    def is_remote(self) -> bool:
        """As in a store that is asked over the network."""
        return True

    def open(self, name: str) -> FolderBucket:  # type: ignore[override]
        """Open a bucket."""
        slow = super(OneHangs, self).open(name)
        return slow if name == "iqu-feeds" else FolderBucket(slow.root, 0)


def webhook_of(
    installation: Installation, catalog: Catalog, buckets: SlowBuckets, seconds: float
) -> Webhook:
    ledger = installation.ledger
    return Webhook(
        authenticator=Authenticator(ledger, RateLimit(0), NO_PUBLIC_URLS),
        intake=Intake(
            ledger=ledger,
            buckets=buckets,
            status=Status(ledger, catalog),
            callbacks=AddressPolicy(),
            incidents=BucketIncidents(ledger, lambda: datetime.now(UTC)),
        ),
        clock=lambda: datetime.now(UTC),
        max_body_bytes=1_000,
        answer_seconds=seconds,
    )


def request_of(caller: Caller, idempotency_key: str = "") -> Request:
    """Return a call that is accepted if it is handled."""
    sent = {
        "apiKey": caller.key,
        "filename": "warehouse.csv",
        "Idempotency-Key": idempotency_key,
    }
    body = json.dumps(sent).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "headers": [(b"content-type", b"application/json")],
        "query_string": b"",
        "client": ("127.0.0.1", 50_000),
        "path_params": {"job": "warehouse"},
    }
    return Request(scope, receive)


@pytest.fixture
def slow(installation: Installation) -> SlowBuckets:
    return SlowBuckets(installation.buckets.root)


@pytest.fixture
def caller(installation: Installation) -> Caller:
    caller = installation.customer(now=datetime.now(UTC))
    caller.deliver("warehouse.csv")
    return caller


def test_what_was_answered_as_too_late_or_as_stopping_is_never_recorded(
    installation: Installation, catalog: Catalog, slow: SlowBuckets, caller: Caller
) -> None:
    async def refused(
        problem: type[Exception], seconds: float, then: Callable[[Webhook], None] | None = None
    ) -> None:
        webhook = webhook_of(installation, catalog, slow, seconds)
        call = asyncio.create_task(webhook.post(request_of(caller)))
        if then is not None:
            assert await asyncio.to_thread(slow.looked.wait, SECONDS)
            then(webhook)
        with pytest.raises(problem):
            await call
        assert not slow.released.is_set()
        slow.released.set()
        # Until the thread that has found the file meanwhile has ended.
        webhook.executor._pool.shutdown(wait=True)

    asyncio.run(refused(CallTimedOut, 0.05))
    slow.released.clear()
    slow.looked.clear()
    asyncio.run(refused(GatewayStopping, 60, Webhook.stop_waiting))

    assert installation.loads() == []


def test_a_call_that_repeats_one_that_was_given_up_is_recorded_once(
    installation: Installation, catalog: Catalog, slow: SlowBuckets, caller: Caller
) -> None:
    """It comes while the thread of the first still looks for the file."""

    async def repeat() -> Response:
        webhook = webhook_of(installation, catalog, slow, SECONDS)
        first = asyncio.create_task(webhook.post(request_of(caller, "night")))
        assert await asyncio.to_thread(slow.looked.wait, SECONDS)
        webhook.executor.stop_waiting(webhook._time_out)
        with pytest.raises(CallTimedOut):
            await first
        second = asyncio.create_task(webhook.post(request_of(caller, "night")))
        await asyncio.sleep(0)
        slow.released.set()
        response = await second
        webhook.executor._pool.shutdown(wait=True)
        return response

    response = asyncio.run(repeat())

    [load] = installation.loads()
    assert json.loads(bytes(response.body))["jobId"] == load.job_id
    assert load.request.idempotency_key == "iqu/qa/night"


def test_a_call_in_time_is_recorded(
    installation: Installation, catalog: Catalog, slow: SlowBuckets, caller: Caller
) -> None:
    slow.released.set()
    webhook = webhook_of(installation, catalog, slow, SECONDS)

    response = asyncio.run(webhook.post(request_of(caller)))

    [load] = installation.loads()
    assert json.loads(bytes(response.body))["jobId"] == load.job_id


def test_a_bucket_that_hangs_fails_no_call_of_another_customer_and_holds_no_connection(
    installation: Installation,
    catalog: Catalog,
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hundred calls for one bucket had all threads and all connections of the ledger."""
    monkeypatch.setattr(bucket_slots, "SLOT_SECONDS", 0.2)
    buckets = OneHangs(installation.buckets.root)
    webhook = webhook_of(installation, catalog, buckets, SECONDS)
    other = installation.customer("other", datetime.now(UTC))
    other.deliver("warehouse.csv")

    async def call_all() -> list[Response | BaseException]:
        def post(caller: Caller) -> asyncio.Task[Response]:
            return asyncio.create_task(webhook.post(request_of(caller)))

        try:
            first = post(other)  # in a thread that goes on with a call that hangs
            hanging = [post(caller) for _ in range(100)]
            async with asyncio.timeout(SECONDS / 2):
                assert await asyncio.to_thread(buckets.looked.wait, SECONDS)
                assert [(await call).status_code for call in (first, post(other))] == [200, 200]
                while sum(call.done() for call in hanging) < 100 - bucket_slots.MAX_LOOKUPS:
                    await asyncio.wait(
                        [call for call in hanging if not call.done()], return_when="FIRST_COMPLETED"
                    )
                pool = installation.ledger.database.engine.pool
                assert isinstance(pool, QueuePool)
                assert pool.checkedout() == 0
        finally:
            buckets.released.set()
        return await asyncio.gather(*hanging, return_exceptions=True)

    answers = asyncio.run(call_all())

    refused = [answer for answer in answers if isinstance(answer, BucketUnavailable)]
    accepted = [answer for answer in answers if isinstance(answer, Response)]
    assert (len(refused), len(accepted)) == (
        100 - bucket_slots.MAX_LOOKUPS,
        bucket_slots.MAX_LOOKUPS,
    )
    assert "earlier calls still wait for a response" in str(refused[0])
    assert len(installation.loads()) == bucket_slots.MAX_LOOKUPS + 2
    # What hung is over: the next call waits for nothing.
    assert asyncio.run(webhook.post(request_of(caller))).status_code == 200


def test_a_probe_of_readiness_does_not_wait_for_a_store_that_hangs(
    installation: Installation,
    catalog: Catalog,
    slow: SlowBuckets,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", 1.0)
    probe = Health(installation.ledger, slow, catalog)
    try:
        response = asyncio.run(probe.ready(Request({"type": "http"})))
        assert not slow.released.is_set()
    finally:
        slow.released.set()

    body = json.loads(bytes(response.body))
    assert (response.status_code, body["checks"]["ledger"]) == (503, "ok")
    assert "no response within 1 seconds" in body["checks"]["buckets"]


def test_a_self_test_does_not_wait_for_a_store_that_hangs(
    installation: Installation, catalog: Catalog, slow: SlowBuckets, caller: Caller
) -> None:
    self_test = SelfTest(webhook_of(installation, catalog, slow, SECONDS).intake, 1.0)
    key = installation.ledger.keys.find(caller.key, datetime.now(UTC))
    assert key is not None
    try:
        bucket, file, callback = self_test.run_checks(key, "warehouse.csv", "")
        assert not slow.released.is_set()
    finally:
        slow.released.set()

    assert (bucket.ok, file.ok, callback.ok) == (True, False, None)
    assert "no response within 1 seconds" in file.detail


def test_self_tests_of_a_bucket_that_hangs_fail_none_of_another_customer(
    installation: Installation,
    catalog: Catalog,
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They occupied all threads: the others' buckets were said not to respond."""
    monkeypatch.setattr(bucket_slots, "SLOT_SECONDS", 0.2)
    buckets, now = OneHangs(installation.buckets.root), datetime.now(UTC)
    self_test = SelfTest(webhook_of(installation, catalog, buckets, SECONDS).intake, 3.0)
    other = installation.customer("other", now)
    other.deliver("warehouse.csv")
    hanging, key = (installation.ledger.keys.find(owner.key, now) for owner in (caller, other))
    assert hanging is not None
    assert key is not None
    with ThreadPoolExecutor(30) as pool:
        try:
            for _ in range(30):
                pool.submit(self_test.run_checks, hanging, "warehouse.csv", "")
            assert buckets.looked.wait(SECONDS)
            bucket, file, _ = self_test.run_checks(key, "warehouse.csv", "")
            assert not buckets.released.is_set()
        finally:
            buckets.released.set()

    assert (bucket.ok, file.ok) == (True, True)


def test_a_call_is_claimed_once() -> None:
    claim = Claim()
    assert not claim.is_taken
    assert [claim.take(), claim.take()] == [True, False]
    assert claim.is_taken
