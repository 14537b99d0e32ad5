import asyncio
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.types import Message

from alumniq_pipelines.core.access.public_urls import NO_PUBLIC_URLS
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.problems.request import SlowRequest
from tests.servers.gateway import Installation
from webhook_gateway.http.authentication import Authenticator
from webhook_gateway.http.rate_limit import RateLimit
from webhook_gateway.http.webhook import Webhook
from webhook_gateway.services.bucket_incidents import BucketIncidents
from webhook_gateway.services.intake import Intake
from webhook_gateway.services.load_queries import Status


def test_an_incomplete_body_times_out(installation: Installation, catalog: Catalog) -> None:
    """One byte a minute would occupy a connection for ever."""

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    scope = {"type": "http", "method": "POST", "headers": [], "query_string": b""}
    ledger = installation.ledger
    intake = Intake(
        ledger=ledger,
        buckets=installation.buckets,
        status=Status(ledger, catalog),
        callbacks=AddressPolicy(),
        incidents=BucketIncidents(ledger, lambda: datetime.now(UTC)),
    )
    authenticator = Authenticator(ledger, RateLimit(0), NO_PUBLIC_URLS)
    webhook = Webhook(
        authenticator=authenticator,
        intake=intake,
        clock=lambda: datetime.now(UTC),
        max_body_bytes=1_000,
        body_seconds=0.01,
    )

    options = asyncio.run(webhook.options(Request(scope, receive)))

    assert isinstance(options.unreadable, SlowRequest)
