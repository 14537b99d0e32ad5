"""Checks of notifications: the mail server, channels to staff, and what is overdue."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from alumniq_pipelines.core.monitoring.duration import format_duration
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.problems.operation import (
    MailServerUnusable,
    NoStaffChannel,
    NotificationsOverdue,
)
from alumniq_pipelines.core.problems.problem import Problem

if TYPE_CHECKING:
    from alumniq_pipelines.cli.installation_check.check import CheckContext
    from alumniq_pipelines.settings import Settings

MAIL_SECONDS = 10.0
OVERDUE_AFTER = timedelta(minutes=15)
"""Due notifications are sent within seconds; a slow mail server may hold up some for minutes."""


def uses_smtp(settings: "Settings") -> bool:
    """Whether mail is sent."""
    return settings.mail == "smtp"


def find_in_mail_server(context: "CheckContext") -> Iterator[Problem]:
    """Connect to the mail server and log in; nothing is sent."""
    from alumniq_pipelines.wiring import open_smtp

    if fault := asyncio.run(open_smtp(context.settings, MAIL_SECONDS).check()):
        yield MailServerUnusable(fault)


def find_in_staff_channels(context: "CheckContext") -> Iterator[Problem]:
    """Find out whether anybody among staff would be notified."""
    from alumniq_pipelines.wiring import staff_of

    if not staff_of(context.settings).recipients:
        yield NoStaffChannel()


def find_in_callback_networks(context: "CheckContext") -> Iterator[Problem]:
    """Read the networks that callbacks may reach."""
    AddressPolicy.of(context.settings.callback_allowed_networks)
    yield from ()


def find_in_notifications(context: "CheckContext") -> Iterator[Problem]:
    """Find notifications that are due and that nobody sends."""
    now = datetime.now(UTC)
    overdue = context.ledger.health.overdue_notifications(now - OVERDUE_AFTER)
    if overdue is not None:
        count, first = overdue
        yield NotificationsOverdue(count, format_duration(now - first))
