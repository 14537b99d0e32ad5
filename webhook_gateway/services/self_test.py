"""The self-test: check whether a call would be accepted, without queuing or sending anything.

Independent of HTTP.
"""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from alumniq_pipelines.core.access.api_keys import ApiKey
from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.recipients import check_webhook, host_of
from alumniq_pipelines.core.problems.outage import BucketUnavailable
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.request import UnusableNotifyWebhook
from webhook_gateway.services.intake import Intake

MAX_NAMES = 1_000
MAX_THREADS = 16
"""Twice as many as the checks of one bucket that run at once."""
NO_PUBLIC_HOST = "has a host name that does not resolve to a public address"


@dataclass(frozen=True, slots=True)
class SelfTestCheck:
    """The result of one check; `ok` is None if the check was not requested."""

    name: str
    ok: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Runs the checks. An outage of ours is a failed check here, not an exception."""

    intake: Intake
    bucket_seconds: float = 10.0
    """How long a check of the bucket may take. Two of them take no longer than a call may."""

    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(MAX_THREADS, "self-test"),
        init=False,
        repr=False,
    )

    def run_checks(self, key: ApiKey, filename: str, notify_webhook: str) -> list[SelfTestCheck]:
        """Check the bucket, the file if one is named, and the callback host if a URL is given."""
        return [
            _check("bucket", lambda: self._in_time(lambda: self._folder(key))),
            _check("file", lambda: self._in_time(lambda: self._file(key, filename)))
            if filename
            else _skipped("file"),
            _check("callback", lambda: self._host(notify_webhook))
            if notify_webhook
            else _skipped("callback", "notifyWebhook"),
        ]

    def _in_time(self, check: Callable[[], str]) -> str:
        """Return the result of a check of the bucket; one that hangs is unavailable."""
        running = self._threads.submit(check)
        try:
            return running.result(self.bucket_seconds)
        except TimeoutError:
            running.cancel()
            reason = f"no response within {self.bucket_seconds:g} seconds"
            raise BucketUnavailable(reason) from None

    def _folder(self, key: ApiKey) -> str:
        folder = folder_of(key.environment)
        with self.intake.slots(key.customer).lookup():
            names = list(self.intake.bucket(key.customer).list_objects(folder, limit=MAX_NAMES))
        more = " or more" if len(names) == MAX_NAMES else ""
        return f"The folder {folder} can be read. Files in it: {len(names):,}{more}."

    def _file(self, key: ApiKey, filename: str) -> str:
        stored = self.intake.find_file(key, filename)
        return f"{filename} was found, {stored.size_bytes:,} bytes."

    def _host(self, url: str) -> str:
        check_host(url, self.intake.callbacks)
        return "The host name of the URL resolves to a public address."


def check_host(url: str, callbacks: AddressPolicy) -> None:
    """Check that a callback URL resolves to permitted addresses; raises UnusableNotifyWebhook.

    The URL is not called: the receiver would take the request for the outcome of a load.
    """
    check_webhook(url, callbacks)
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    # As bytes, because the resolver would encode a text differently from the real delivery.
    name = host_of(parts).encode()
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
        name, ok=None, detail=f"Not checked: send {parameter or 'filename'} to include this check."
    )
