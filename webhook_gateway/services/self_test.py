"""The self-test: whether a call would be accepted, told check by check; nothing is queued or sent.

Knows nothing of HTTP.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy, ascii_host
from alumniq_pipelines.core.notifications.recipients import check_webhook
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.request import UnusableNotifyWebhook
from webhook_gateway.services.intake import Intake

MAX_NAMES = 1_000
NO_PUBLIC_HOST = "names a host that leads to no public address"


@dataclass(frozen=True, slots=True)
class SelfTestCheck:
    """One thing that was looked at; `ok` is None where it was not asked for."""

    name: str
    ok: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The use case. Where a part of ours is away, that is a finding, not a failure."""

    intake: Intake

    def run_checks(self, key: ApiKey, filename: str, notify_webhook: str) -> list[SelfTestCheck]:
        """Look at the bucket, at a file, and at where a callback would go."""
        return [
            _check("bucket", lambda: self._folder(key)),
            _check("file", lambda: self._file(key, filename)) if filename else _skipped("file"),
            _check("callback", lambda: self._host(notify_webhook))
            if notify_webhook
            else _skipped("callback", "notifyWebhook"),
        ]

    def _folder(self, key: ApiKey) -> str:
        folder = folder_of(key.environment)
        names = list(self.intake.bucket(key.customer).list_objects(folder, limit=MAX_NAMES))
        more = " or more" if len(names) == MAX_NAMES else ""
        return f"{folder} can be read; files there: {len(names):,}{more}."

    def _file(self, key: ApiKey, filename: str) -> str:
        stored = self.intake.find_file(key, filename)
        return f"{filename} was found, {stored.size_bytes:,} bytes."

    def _host(self, url: str) -> str:
        check_host(url, self.intake.callbacks)
        return "The host of the URL leads to a public address."


def check_host(url: str, callbacks: AddressPolicy) -> None:
    """Resolve where a callback would go; it is not called, which would look like an outcome.

    Raises UnusableNotifyWebhook.
    """
    check_webhook(url, callbacks)
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    host = parts.hostname or ""
    # As bytes: a text would be encoded by the resolver, not as it is called in the end.
    name = (ascii_host(host) or host).encode()
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError:
        found = []
    addresses = [ip_address(info[4][0]) for info in found]
    if not addresses or not all(map(callbacks.permits, addresses)):
        raise UnusableNotifyWebhook(NO_PUBLIC_HOST)


def _check(name: str, check: Callable[[], str]) -> SelfTestCheck:
    try:
        return SelfTestCheck(name, ok=True, detail=check())
    except Problem as problem:
        return SelfTestCheck(name, ok=False, detail=str(problem))


def _skipped(name: str, parameter: str = "") -> SelfTestCheck:
    return SelfTestCheck(
        name, ok=None, detail=f"Give {parameter or 'filename'} to have it looked at."
    )
