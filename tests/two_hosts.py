"""A gateway whose environments have hosts of their own, and clients that reach it by any name."""

from dataclasses import replace

from starlette.applications import Starlette
from starlette.testclient import TestClient

from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.target import Environment
from tests.servers.gateway import NOW, Installation
from webhook_gateway.app import create_app

PUBLIC_URLS = PublicUrls("https://feeds.example.edu", "https://qa-feeds.example.edu")
"""As the contract has them: the name of one ends in the name of the other."""

NEUTRAL_URL = "https://10.1.2.3:8443"
"""Another address of the same gateway."""


def with_hosts(installation: Installation, urls: PublicUrls, **settings: object) -> Installation:
    """Return the installation with other settings, two public URLs among them."""
    update = {"public_url": urls.production, "qa_public_url": urls.qa, **settings}
    return replace(installation, settings=installation.settings.model_copy(update=update))


def gateway_of(installation: Installation, catalog: Catalog) -> Starlette:
    """Create the gateway of an installation."""
    return create_app(
        installation.settings,
        ledger=installation.ledger,
        buckets=installation.buckets,
        catalog=catalog,
        clock=lambda: NOW,
    )


def client_at(app: Starlette, url: str, address: str = "127.0.0.1") -> TestClient:
    """Return a client that reaches a gateway by the host of a URL, as a browser would."""
    return TestClient(app, base_url=url, raise_server_exceptions=False, client=(address, 50_000))


def at(app: Starlette, environment: Environment) -> TestClient:
    """Return a client at the host of an environment."""
    return client_at(app, PUBLIC_URLS.of(environment))


def other(environment: Environment) -> Environment:
    """Return the other environment."""
    return Environment.QA if environment is Environment.PRODUCTION else Environment.PRODUCTION
