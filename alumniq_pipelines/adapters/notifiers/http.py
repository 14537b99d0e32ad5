"""Calling a URL: one bounded request to checked addresses, of whose answer the status counts."""

import asyncio
import functools
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Literal

import httpx

from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy, IPAddress
from alumniq_pipelines.core.notifications.notification import DeliveryResult

USER_AGENT = "alumniq-pipelines"
MOST_ADDRESSES = 4
"""Addresses of one name that are tried; a name with hundreds must not fill the time."""
CONNECT_SECONDS = 5.0
"""Per address, so that a dead one leaves time for the next."""

PORTS = range(1, 65_536)

ALLOW_ALL = AddressPolicy.of(("0.0.0.0/0", "::/0"))
"""For URLs that staff chose themselves: these often lead into their own network."""

_TIMEOUT = httpx.Timeout(None, connect=CONNECT_SECONDS)
"""Reading and writing have no limit of their own: the whole attempt has one."""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """What is sent."""

    method: Literal["GET", "POST"]
    url: str
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpClient:
    """Calls permitted addresses only.

    Every address that the name resolves to is checked, at each attempt, and the connection goes to
    a checked address, so nothing is resolved twice. Redirects are not followed, the environment's
    proxies and netrc are not used, and the answer's body is never read: its status says all.
    """

    addresses: AddressPolicy
    seconds: float = 15.0
    tls: ssl.SSLContext | None = None

    async def call(self, call: HttpCall) -> DeliveryResult:
        """Make one call; any 2xx is a delivery, and 410 asks for no more of them."""
        url = _callable_url(call.url)
        if url is None:
            return DeliveryResult(
                delivered=False, detail="the URL cannot be called", permanent=True
            )
        try:
            async with asyncio.timeout(self.seconds):
                addresses = await _resolve(url)
                if not addresses:
                    return DeliveryResult(delivered=False, detail="the name has no address")
                if not all(self.addresses.permits(address) for address in addresses):
                    return DeliveryResult(delivered=False, detail="the address is not public")
                response = await self._send(call, url, addresses[:MOST_ADDRESSES])
        except TimeoutError:
            detail = f"no answer within {self.seconds:g} seconds"
            return DeliveryResult(delivered=False, detail=detail)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return DeliveryResult(delivered=False, detail=type(error).__name__)
        return _result(response)

    async def _send(
        self, call: HttpCall, url: httpx.URL, addresses: Sequence[IPAddress]
    ) -> httpx.Response:
        for address in addresses[:-1]:
            try:
                return await self._send_to(address, url, call)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send_to(addresses[-1], url, call)

    async def _send_to(self, address: IPAddress, url: httpx.URL, call: HttpCall) -> httpx.Response:
        host = url.raw_host.decode("ascii").rstrip(".")
        own_headers = {
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "Host": url.netloc.decode("ascii"),
        }
        request = httpx.Request(
            call.method,
            url.copy_with(host=str(address)),
            content=call.body.encode() or None,
            headers={**call.headers, **own_headers},
            extensions={"sni_hostname": host, "timeout": _TIMEOUT.as_dict()},
        )
        # Without a client: that would read `Location` and `Set-Cookie`, and raises what is no
        # HTTPError where a receiver sent nonsense.
        async with httpx.AsyncHTTPTransport(verify=self.tls or _tls(), trust_env=False) as sender:
            response = await sender.handle_async_request(request)
            await response.aclose()
            return response


@functools.cache
def _tls() -> ssl.SSLContext:
    """Trust what certifi does, or what SSL_CERT_FILE names; reading it takes 20 ms, so once."""
    return httpx.create_ssl_context()


def _result(response: httpx.Response) -> DeliveryResult:
    status, delivered = response.status_code, response.is_success
    return DeliveryResult(
        delivered=delivered,
        detail=f"HTTP {status}",
        permanent=status == httpx.codes.GONE,
        retry_after=None
        if delivered
        else parse_retry_after(response.headers.get("Retry-After", "")),
    )


def parse_retry_after(retry_after: str) -> timedelta | None:
    """Read a `Retry-After`: seconds or a date (RFC 9110); None where it says neither."""
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) <= _MAX_DIGITS:
        return timedelta(seconds=int(retry_after))
    try:
        wait = parsedate_to_datetime(retry_after) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):  # the last two: no zone, no such year
        return None
    return max(wait, timedelta())


_MAX_DIGITS = 9
"""As many as a length of time can have in any case."""


def _callable_url(destination: str) -> httpx.URL | None:
    """Read a URL; its host is never decoded, as many names have no form but the ASCII one."""
    try:
        url = httpx.URL(destination)
        if url.scheme not in {"http", "https"} or not url.raw_host or url.userinfo:
            return None
        if url.port is not None and url.port not in PORTS:
            return None
        return url.copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        return None


async def _resolve(url: httpx.URL) -> Sequence[IPAddress]:
    port = url.port or (443 if url.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(
        url.raw_host, port, type=socket.SOCK_STREAM
    )
    return tuple(dict.fromkeys(ip_address(info[4][0]) for info in found))
