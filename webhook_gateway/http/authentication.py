"""Authentication: find the API key or session of a call, and check where it may be used.

Unknown, expired and revoked keys and disallowed networks get the same refusal, at every host, so
that an attacker learns nothing from it. Only the holder of a valid key learns that it is for the
host of the other environment.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from starlette.requests import Request

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.access.session import Session
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.api import TooManyRequests
from alumniq_pipelines.core.problems.request import (
    MissingKey,
    RefusedKey,
    RequestProblem,
    WrongHost,
)
from webhook_gateway.http.parameters import client_address, host_name
from webhook_gateway.http.rate_limit import RateLimit
from webhook_gateway.services.options import Option, Options
from webhook_gateway.services.refusal import RequestRefused

MAX_KEY_CHARACTERS = 200
"""Our keys have 51 characters; a longer text is no key and is not worth hashing."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Authenticates calls. Raises OutageProblem if the ledger is unavailable."""

    ledger: Ledger
    limit: RateLimit
    public_urls: PublicUrls

    def authenticate(self, options: Options, request: Request, now: datetime) -> ApiKey:
        """Return the live key of a request; raises RequestRefused.

        The response has the days until it expires from here on, also if the call is refused.
        """
        try:
            text = options.text(Option.API_KEY)
        except RequestProblem as problem:
            raise RequestRefused(problem) from None
        if not text:
            raise RequestRefused(options.unreadable or MissingKey())
        plain = len(text) <= MAX_KEY_CHARACTERS and text.isascii()
        key = self.ledger.keys.find(text, now) if plain else None
        if key is None or not is_allowed_from(client_address(request), key.networks):
            raise RequestRefused(RefusedKey())
        request.state.days_remaining = key.days_remaining(now)
        if seconds := self.limit.wait(key.prefix):
            raise RequestRefused(TooManyRequests(math.ceil(seconds)))
        wrong_host = self._wrong_host(key.environment, request)
        if wrong_host is not None:
            raise RequestRefused(wrong_host)
        return key

    def session(self, token: str, request: Request, now: datetime) -> Session | None:
        """Return the session of a token; None if there is none or its key excludes the address.

        Raises WrongHost if its key is for the other environment's host. Staff may use either.
        """
        session = self.ledger.sessions.find(token, now) if token else None
        if session is None or not is_allowed_from(client_address(request), session.limits.networks):
            return None
        if session.staff is None and session.environment is not None:
            wrong_host = self._wrong_host(session.environment, request)
            if wrong_host is not None:
                raise wrong_host
        return session

    def _wrong_host(self, environment: Environment, request: Request) -> WrongHost | None:
        """Return the problem of a valid key at the host of the other environment."""
        if self.public_urls.is_shared:  # nothing depends on the host
            return None
        served = self.public_urls.environment_at(host_name(request))
        if served is None or served is environment:
            return None
        return WrongHost(environment, self.public_urls.of(environment))


def is_allowed_from(address: str, networks: tuple[str, ...]) -> bool:
    """Return whether an address is in one of the networks; an empty list allows any address."""
    if not networks:
        return True
    try:
        parsed = ip_address(address)
    except ValueError:  # a local socket has no address
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in ip_network(network) for network in networks)
