"""Authentication: find the API key or session of a call and check its network and rate limit.

Unknown, expired and revoked keys and disallowed networks get the same refusal, so that an attacker
learns nothing from it.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.access.session import Session
from alumniq_pipelines.core.problems.api import TooManyRequests
from alumniq_pipelines.core.problems.request import MissingKey, RefusedKey, RequestProblem
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

    def authenticate(self, options: Options, address: str, now: datetime) -> ApiKey:
        """Return the live key that a call sent from an address; raises RequestRefused."""
        try:
            text = options.text(Option.API_KEY)
        except RequestProblem as problem:
            raise RequestRefused(problem) from None
        if not text:
            raise RequestRefused(options.unreadable or MissingKey())
        plain = len(text) <= MAX_KEY_CHARACTERS and text.isascii()
        key = self.ledger.keys.find(text, now) if plain else None
        if key is None or not is_allowed_from(address, key.networks):
            raise RequestRefused(RefusedKey())
        if seconds := self.limit.wait(key.prefix):
            raise RequestRefused(TooManyRequests(math.ceil(seconds)))
        return key

    def session(self, token: str, address: str, now: datetime) -> Session | None:
        """Return the session of a token; None if there is none or its key excludes the address."""
        session = self.ledger.sessions.find(token, now) if token else None
        if session is None or not is_allowed_from(address, session.limits.networks):
            return None
        return session


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
