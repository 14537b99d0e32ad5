"""Calling a URL: one request with a time limit, to checked addresses; only the status counts."""

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

from alumniq_pipelines.adapters.notifiers.http_faults import CallProgress
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy, IPAddress
from alumniq_pipelines.core.notifications.notification import DeliveryResult
from alumniq_pipelines.core.problems.delivery import DeliveryFault

USER_AGENT = "alumniq-pipelines"
MAX_ADDRESSES = 4
"""Addresses of one name that are tried; a name with hundreds must not use up the time."""
CONNECT_SECONDS = 5.0
"""Per address, so that a dead one leaves time for the next."""

PORTS = range(1, 65_536)

ALLOW_ALL = AddressPolicy.of(("0.0.0.0/0", "::/0"))
"""For URLs that staff chose themselves: these often lead into their own network."""

_TIMEOUT = httpx.Timeout(None, connect=CONNECT_SECONDS)
"""Reading and writing have no limit of their own: the whole attempt has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """One request."""

    method: Literal["GET", "POST"]
    url: str
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpClient:
    """Calls permitted addresses only.

    Every address that the name resolves to is checked, at each attempt, and the connection goes to
    a checked address, so nothing is resolved twice. Redirects are not followed, the environment's
    proxies and netrc are not used, and the response's body is never read: the status is enough.
    """

    addresses: AddressPolicy
    seconds: float = 15.0
    tls: ssl.SSLContext | None = None

    async def call(self, call: HttpCall) -> DeliveryResult:
        """Make one call; any 2xx is a delivery; 410 is permanent."""
        url = _callable_url(call.url)
        if url is None:
            return self._failure(DeliveryFault.URL_UNUSABLE, permanent=True)
        progress = CallProgress()
        try:
            async with asyncio.timeout(self.seconds):
                addresses = await _resolve(url)
                if not addresses:
                    return self._failure(DeliveryFault.NO_SUCH_NAME)
                if not all(self.addresses.permits(address) for address in addresses):
                    return self._failure(DeliveryFault.ADDRESS_NOT_ALLOWED)
                response = await self._send(call, url, addresses[:MAX_ADDRESSES], progress)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            await progress.close()
            return self._failure(progress.add(error))
        delivered = response.is_success
        wait = None if delivered else parse_retry_after(response.headers.get("Retry-After", ""))
        return DeliveryResult(
            delivered=delivered,
            detail=f"HTTP {response.status_code}",
            permanent=response.status_code == httpx.codes.GONE,
            retry_after=wait,
        )

    def _failure(self, fault: DeliveryFault, *, permanent: bool = False) -> DeliveryResult:
        number = f" {self.seconds:g}" if fault is DeliveryFault.NO_ANSWER else ""
        return DeliveryResult(delivered=False, detail=f"{fault}{number}", permanent=permanent)

    async def _send(
        self,
        call: HttpCall,
        url: httpx.URL,
        addresses: Sequence[IPAddress],
        progress: CallProgress,
    ) -> httpx.Response:
        for address in addresses[:-1]:
            try:
                return await self._send_to(address, url, call, progress)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                progress.add(error)
        return await self._send_to(addresses[-1], url, call, progress)

    async def _send_to(
        self, address: IPAddress, url: httpx.URL, call: HttpCall, progress: CallProgress
    ) -> httpx.Response:
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
            extensions={
                "sni_hostname": host,
                "timeout": _TIMEOUT.as_dict(),
                "trace": progress.trace,
            },
        )
        # Without httpx's client: it would parse `Location` and `Set-Cookie`, and for nonsense in
        # them raise errors that are no HTTPError.
        async with httpx.AsyncHTTPTransport(verify=self.tls or _tls(), trust_env=False) as sender:
            response = await sender.handle_async_request(request)
            await response.aclose()
            return response


@functools.cache
def _tls() -> ssl.SSLContext:
    """Trust certifi's list or SSL_CERT_FILE; loading it takes 20 ms, so it is done once."""
    return httpx.create_ssl_context()


def parse_retry_after(retry_after: str) -> timedelta | None:
    """Parse a `Retry-After`: seconds or a date (RFC 9110); None if it is neither."""
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) <= _MAX_DIGITS:
        return timedelta(seconds=int(retry_after))
    try:
        wait = parsedate_to_datetime(retry_after) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):  # the last two: no zone, no such year
        return None
    return max(wait, timedelta())


_MAX_DIGITS = 9
"""Any number of seconds with so many digits fits into a timedelta."""


def _callable_url(destination: str) -> httpx.URL | None:
    """Parse a URL; None if it cannot be called. Its host stays ASCII: not every name decodes."""
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
