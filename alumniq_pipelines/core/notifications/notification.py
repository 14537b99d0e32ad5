"""A notification about a load or an incident: for whom it is, and when its delivery is tried."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, assert_never

from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.notifications.failure_cause import FailureCause
from alumniq_pipelines.core.problems.delivery import DeliveryProblem, explain_call
from alumniq_pipelines.core.problems.mail_delivery import explain_mail

RETRY_DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Waits before each delivery attempt: 75 hours in all, after Standard Webhooks' suggestion."""

MAIL_DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 60, 300, 900, 3_600, 7_200, 14_400, 28_800, 31_140)
)
"""A day in all: mail servers queue themselves, and later than that a mail helps nobody."""

HEARTBEAT_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (0, 5, 25, 90, 180))
"""A heartbeat says that something happened now: after five minutes it would be a lie."""

MAX_RETRY_AFTER = timedelta(days=1)
"""A receiver may ask for time (`Retry-After`), but not for ever."""

CHANNEL_RETRY_DELAY = timedelta(minutes=1)
"""How soon a notification is due again after our own mail server failed it."""
MAX_CHANNEL_OUTAGE = timedelta(days=7)
"""After so long, a notification that waits for our own mail server is given up: nobody wants to be
sent last month's outcomes all at once.
"""
MAX_UNANSWERED = 3
"""Attempts of which each may have arrived, unconfirmed. At least once is the promise, so that
one is too few; after three, one more is likelier to be a copy than the first to arrive.
"""
UNANSWERED_RETRY_DELAY = timedelta(hours=1)
"""The wait after such an attempt, at least: what kept the server from answering gets time."""

JITTER = 0.1
"""By how much of itself a wait may grow, so that one outage's backlog does not return at once."""


class Channel(StrEnum):
    """How somebody is notified."""

    CALLBACK = "callback"
    MAIL = "mail"
    CHAT = "chat"
    TEAMS = "teams"
    HEARTBEAT = "heartbeat"


class Audience(StrEnum):
    """Whom a notification is for: who may see it, and have it sent again.

    STAFF and MONITOR are the installation's own: neither an address of staff nor the URL of a
    monitor is ever shown to a customer. Staff see everything.
    """

    CUSTOMER = "customer"
    STAFF = "staff"
    MONITOR = "monitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """What the system must know of a channel, apart from how it is written and sent.

    `label` is what people call it. `audiences` are those whom it can reach; a notice still says
    itself whom it is for. `method` is what its URLs are called with, None for mail.
    `has_secret_destination`: the settings hold the one URL, and a notice names only its recipient.
    `staff_setting` is where an installation names its staff's.
    """

    label: str
    retry_delays: tuple[timedelta, ...]
    audiences: frozenset[Audience]
    method: Literal["GET", "POST"] | None = "POST"
    has_subject: bool = False
    has_secret_destination: bool = False
    staff_setting: str = ""


_CALLBACK = ChannelFacts(
    label="Callback", retry_delays=RETRY_DELAYS, audiences=frozenset({Audience.CUSTOMER})
)
_MAIL = ChannelFacts(
    label="Email",
    retry_delays=MAIL_DELAYS,
    audiences=frozenset({Audience.CUSTOMER, Audience.STAFF}),
    method=None,
    has_subject=True,
    staff_setting="ALUMNIQ_STAFF_EMAIL",
)
_CHAT = ChannelFacts(
    label="Staff chat",
    retry_delays=RETRY_DELAYS,
    audiences=frozenset({Audience.STAFF}),
    has_secret_destination=True,
    staff_setting="ALUMNIQ_STAFF_WEBHOOK",
)
_TEAMS = ChannelFacts(
    label="Microsoft Teams",
    retry_delays=RETRY_DELAYS,
    audiences=frozenset({Audience.STAFF}),
    has_secret_destination=True,
    staff_setting="ALUMNIQ_STAFF_TEAMS_WEBHOOK",
)
_HEARTBEAT = ChannelFacts(
    label="Heartbeat",
    retry_delays=HEARTBEAT_DELAYS,
    audiences=frozenset({Audience.MONITOR}),
    method="GET",
)


def channel_facts(channel: Channel) -> ChannelFacts:
    """Return the facts of a channel."""
    match channel:
        case Channel.CALLBACK:
            return _CALLBACK
        case Channel.MAIL:
            return _MAIL
        case Channel.CHAT:
            return _CHAT
        case Channel.TEAMS:
            return _TEAMS
        case Channel.HEARTBEAT:
            return _HEARTBEAT
    assert_never(channel)


EVERYBODY = frozenset(Audience)
"""All audiences: what staff see."""


class NotificationState(StrEnum):
    """Where a notification is; the last two are final."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be sent, complete: the same bytes go out at every attempt.

    `destination` is a URL (callback, heartbeat), one address (mail) or `staff`, where the URL is a
    secret of the settings. `body` is JSON (callback, chat, Teams), a mail's text or nothing
    (heartbeat); `subject` is empty where the channel has none. Every notice
    states whom it is for: `audience` has no default.
    """

    channel: Channel
    destination: str
    body: str
    subject: str = ""
    audience: Audience = field(kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notice as the ledger stores it; `id` is stable over all delivery attempts.

    It is about a load or about an incident. Until `leased_until` it belongs to the process
    that is sending it.
    """

    id: str
    job_id: JobId | None
    notice: Notice
    state: NotificationState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    leased_until: datetime | None = None
    incident_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """How one delivery attempt went.

    `detail` is what was seen, by code and ours to store: `HTTP 404`, `tls-expired`. People read it
    by `format_result`, programs by `delivery_problem`. `retry_after` is the time that the receiver
    asked for. `cause` is what a failure is put down to, if not to the receiver.
    """

    delivered: bool
    detail: str
    permanent: bool = False
    retry_after: timedelta | None = None
    cause: FailureCause | None = None


def delivery_problem(channel: Channel, result: DeliveryResult) -> DeliveryProblem | None:
    """Return why an attempt did not deliver; None if it did."""
    if result.delivered:
        return None
    method = channel_facts(channel).method
    return explain_mail(result.detail) if method is None else explain_call(result.detail, method)


def format_result(channel: Channel, result: DeliveryResult) -> str:
    """Return how an attempt went, for people: what confirmed it, or why it did not deliver."""
    problem = delivery_problem(channel, result)
    return result.detail if problem is None else str(problem)


def recipient(notice: Notice) -> str:
    """Return where a notice goes, for people: its channel by name, and the destination."""
    facts = channel_facts(notice.channel)
    # Where the settings hold the one URL, the destination says nothing more.
    return facts.label if facts.has_secret_destination else f"{facts.label} to {notice.destination}"


def next_attempt_at(
    notification_id: str,
    attempts: int,
    now: datetime,
    channel: Channel = Channel.CALLBACK,
    retry_after: timedelta | None = None,
) -> datetime | None:
    """Return when to try again after `attempts` failed tries; None where the schedule is over.

    No earlier than the receiver asked for. The jitter comes from the id and the attempt: spread
    over notifications, the same when asked again.
    """
    delays = channel_facts(channel).retry_delays
    if attempts >= len(delays):
        return None
    jitter = hashlib.sha256(f"{notification_id} {attempts}".encode()).digest()[0] / 255
    wait = max(delays[attempts], min(retry_after or timedelta(), MAX_RETRY_AFTER))
    return now + wait * (1 + JITTER * jitter)


def next_after_failure(
    notification: Notification,
    result: DeliveryResult,
    now: datetime,
    unanswered: int = 0,
    resent_at: datetime | None = None,
) -> datetime | None:
    """Return when to try again after a failed attempt; None to give up.

    `unanswered` is how many attempts, this one included, may have arrived; `resent_at` is when
    somebody last asked for it to be sent again.
    """
    if result.cause is FailureCause.CHANNEL:
        is_too_old = now - (resent_at or notification.created_at) > MAX_CHANNEL_OUTAGE
        return None if is_too_old else now + CHANNEL_RETRY_DELAY
    if result.permanent or (
        result.cause is FailureCause.UNANSWERED and unanswered >= MAX_UNANSWERED
    ):
        return None
    made, channel = notification.attempts + 1, notification.notice.channel
    return next_attempt_at(notification.id, made, now, channel, result.retry_after)
