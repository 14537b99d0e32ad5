"""Heartbeats: how an external dead man's switch is called, by the kind of its URL."""

from enum import StrEnum
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from alumniq_pipelines.core.loads.load import LoadState
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice

SNITCH_HOSTS = frozenset({"nosnch.in"})
HEALTHCHECKS_HOSTS = frozenset({"hc-ping.com"})
HEALTHCHECKS_PATH = "/ping/"
"""The path at which a self-hosted healthchecks takes pings."""


class Signal(StrEnum):
    """What a heartbeat reports."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"


def signal_url(url: str, signal: Signal) -> str | None:
    """Return the URL that gives a signal; None where the service knows no such signal.

    Dead Man's Snitch takes an exit status as `s`; healthchecks.io takes `/start` and `/fail`; of
    any other service only this is known: that being called means success.
    """
    if signal is Signal.SUCCESS:
        return url
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in SNITCH_HOSTS:
        if signal is Signal.START:
            return None
        query = [*parse_qsl(parts.query, keep_blank_values=True), ("s", "1")]
        return urlunsplit(parts._replace(query=urlencode(query)))
    if host in HEALTHCHECKS_HOSTS or HEALTHCHECKS_PATH in parts.path:
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{signal}"))
    return None


def signal_notices(url: str, signal: Signal) -> tuple[Notice, ...]:
    """Return the notice that gives a signal; none where no URL takes it."""
    called = signal_url(url, signal) if url else None
    if not called:
        return ()
    return (Notice(Channel.HEARTBEAT, called, "", audience=Audience.MONITOR),)


def signal_of(state: LoadState) -> Signal:
    """Return the signal for how a load ended."""
    return Signal.SUCCESS if state is LoadState.SUCCEEDED else Signal.FAIL
