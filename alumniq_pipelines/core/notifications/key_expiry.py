"""The notices about API keys; they never contain a key, only its first characters."""

from dataclasses import dataclass
from enum import StrEnum

from alumniq_pipelines.core.access.api_keys import OVERLAP, ApiKey
from alumniq_pipelines.core.access.public_urls import PublicUrls
from alumniq_pipelines.core.monitoring.incident import Condition, Kind
from alumniq_pipelines.core.notifications.email_addresses import addresses_in
from alumniq_pipelines.core.notifications.notification import Audience, Channel, Notice
from alumniq_pipelines.core.notifications.staff import Staff
from alumniq_pipelines.core.shell import alumniq_command

_USED = "It is still in use, or the new key has not been used yet."
"""Otherwise no notice about a replaced key is due."""


class MadeBy(StrEnum):
    """How a key was made, in words for its owner: never the name of one of the staff."""

    STAFF = "our staff"
    PAGES = "the API keys page, signed in with one of your keys"
    EXCHANGE = "an exchange (GET /api/v1/index.cfm/exchange)"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMade:
    """A new key; `old` is the one that it was made from, and `actor` is for staff only."""

    key: ApiKey
    made_by: MadeBy
    actor: str
    old: ApiKey | None = None

    @property
    def owner(self) -> str:
        """The registered addresses: the old key's, which no request can change."""
        return self.key.email if self.old is None else self.old.email


def expiry_condition(key: ApiKey, days: int) -> Condition:
    """Return the condition that a key is about to expire and is still needed."""
    if key.replaced_by is not None:
        return Condition(
            key=f"key:{key.prefix}",
            kind=Kind.KEY_EXPIRING,
            title=f"A replaced API key expires soon: {key.customer}, {key.environment}",
            detail=f"{key.prefix}… was replaced by {key.replaced_by}… and expires "
            f"{key.expires_at:%Y-%m-%d %H:%M} UTC, within {_days(days)}. {_USED}",
            advice="Ask the customer whether they have the new key. If it was lost, make another: "
            f"{alumniq_command('key', 'rotate', key.prefix)}.",
        )
    return Condition(
        key=f"key:{key.prefix}",
        kind=Kind.KEY_EXPIRING,
        title=f"An API key expires soon: {key.customer}, {key.environment}",
        detail=f"{key.prefix}… expires {key.expires_at:%Y-%m-%d %H:%M} UTC, within {_days(days)}.",
        advice="Ask the customer to exchange it, or do it for them: "
        f"{alumniq_command('key', 'rotate', key.prefix)}.",
    )


def expiry_notices(key: ApiKey, days: int, public_urls: PublicUrls) -> tuple[Notice, ...]:
    """Return the mails to the key's owner; none where no address is known."""
    if key.replaced_by is not None:
        return _replaced_notices(key, days, public_urls)
    url = public_urls.of(key.environment)
    subject = f"Your API key expires in {_days(days)} ({key.customer}, {key.environment})"
    text = (
        f"The API key that begins with {key.prefix} expires "
        f"{key.expires_at:%Y-%m-%d %H:%M} UTC. After that, calls with it are refused.\n\n"
        "What to do: exchange it for a new one now. The old one keeps working for "
        f"{OVERLAP.days} days, or until it expires if that is sooner:\n\n"
        f"Call: GET {url}/api/v1/index.cfm/exchange?emailaddress=YOU&apikey=KEY\n"
        f"Key: {key.prefix}…\n"
        f"Environment: {key.environment}\n"
    )
    return owner_notices(key.email, subject, text)


def _replaced_notices(key: ApiKey, days: int, public_urls: PublicUrls) -> tuple[Notice, ...]:
    subject = f"Your replaced API key expires in {_days(days)} ({key.customer}, {key.environment})"
    text = (
        f"The API key that begins with {key.prefix} was replaced by {key.replaced_by}… and expires "
        f"{key.expires_at:%Y-%m-%d %H:%M} UTC. {_USED} After that date, calls with the old key are "
        "refused.\n\n"
        "What to do: put the new key everywhere the old one is used. If you do not have the new "
        "key, because the response to the exchange was lost, sign in with the old one, revoke the "
        "new one on the API keys page, and make another there.\n\n"
        f"Page: {public_urls.of(key.environment)}/keys\n"
        f"Key: {key.prefix}…\n"
        f"Replaced by: {key.replaced_by}…\n"
        f"Environment: {key.environment}\n"
    )
    return owner_notices(key.email, subject, text)


def key_made_condition(made: KeyMade) -> Condition:
    """Return the condition that a key was made, for staff."""
    key, old = made.key, made.old
    origin = "" if old is None else f" It was made from {old.prefix}…."
    registration = ""
    if key.email and key.email != made.owner:  # nobody has confirmed this address
        registration = (
            f" The address {key.email} was given with the request and is registered for the new "
            "key: the old key had none."
        )
    return Condition(
        key=f"key-made:{key.prefix}",
        kind=Kind.KEY_MADE,
        title=f"A new API key: {key.customer}, {key.environment}",
        detail=f"{key.prefix}… was made by {made.actor} and expires "
        f"{key.expires_at:%Y-%m-%d %H:%M} UTC.{origin}{registration}",
        advice="If nobody asked for it, revoke it: "
        f"{alumniq_command('key', 'revoke', key.prefix)}.",
    )


def key_made_notices(made: KeyMade, staff: Staff) -> tuple[Notice, ...]:
    """Return the notices about a new key, to the owner's registered address and to staff."""
    key, condition = made.key, key_made_condition(made)
    subject = f"A new API key was made ({key.customer}, {key.environment})"
    origin = "" if made.old is None else f"Made from: {made.old.prefix}…\n"
    text = (
        f"A new API key for {key.environment} was made. "
        f"It begins with {key.prefix} and expires {key.expires_at:%Y-%m-%d %H:%M} UTC.\n\n"
        "What to do: nothing, if you or a colleague asked for it. Otherwise sign in with another "
        "of your keys, revoke the new one on the API keys page, and contact us.\n\n"
        f"Key: {key.prefix}…\n"
        f"{origin}"
        f"Made by: {made.made_by}\n"
        f"Time: {key.created_at:%Y-%m-%d %H:%M} UTC\n"
    )
    staff_text = f"{condition.detail}\n\nWhat to do: {condition.advice}\n"
    return (
        *owner_notices(made.owner, subject, text),
        *staff.notices(condition.title, staff_text),
    )


def owner_notices(emails: str, subject: str, text: str) -> tuple[Notice, ...]:
    """Return a mail to each address that a key is registered with."""
    return tuple(
        Notice(Channel.MAIL, address, text, subject, audience=Audience.CUSTOMER)
        for address in addresses_in(emails)
    )


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
