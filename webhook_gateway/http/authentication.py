"""The gate: whose key or session it is that a call carries, and whether it may come in now.

One refusal for unknown, expired, revoked and foreign keys and for a foreign network: it tells a
guesser nothing.
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
"""Ours have 51; what is longer is no key, and nobody needs its hash."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Lets keys in. Raises OutageProblem where the ledger is away."""

    ledger: Ledger
    limit: RateLimit

    def authenticate(self, options: Options, address: str, now: datetime) -> ApiKey:
        """Find the live key of a call that came from an address; raises Refused."""
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
        """Find whose session a token is; None also where its key may not come from the address."""
        session = self.ledger.sessions.find(token, now) if token else None
        if session is None or not is_allowed_from(address, session.limits.networks):
            return None
        return session


def is_allowed_from(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of the networks; where there are none, any does."""
    if not networks:
        return True
    try:
        came_from = ip_address(address)
    except ValueError:  # a local socket has no address
        return False
    mapped = getattr(came_from, "ipv4_mapped", None)
    return any((mapped or came_from) in ip_network(network) for network in networks)
