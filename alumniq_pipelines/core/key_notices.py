"""What is told about keys, in words; never a key, only its first characters."""

from alumniq_pipelines.core.incident import Condition, Kind
from alumniq_pipelines.core.keys import ApiKey
from alumniq_pipelines.core.notices import addresses_in
from alumniq_pipelines.core.notification import Audience, Channel, Notice
from alumniq_pipelines.core.shell import alumniq_command


def expiry_condition(key: ApiKey, days: int) -> Condition:
    """A key is about to expire, and nobody has replaced it yet."""
    return Condition(
        f"key:{key.prefix}",
        Kind.KEY_EXPIRING,
        f"An API key expires: {key.customer}, {key.environment}",
        f"{key.prefix}… expires {key.expires_at:%Y-%m-%d}, within {_days(days)}.",
        "The customer trades it themselves, or you do: "
        f"{alumniq_command('key', 'rotate', key.prefix)}.",
    )


def expiry_notices(key: ApiKey, days: int, gateway_url: str) -> tuple[Notice, ...]:
    """Write to whoever the key belongs to; nobody where that is not known."""
    subject = f"Your API key expires in {_days(days)} ({key.customer}, {key.environment})"
    text = (
        f"The API key that begins with {key.prefix} expires "
        f"{key.expires_at:%Y-%m-%d %H:%M} UTC. After that your calls are refused.\n\n"
        "What to do: trade it for a fresh one now. Both work for 14 days, so nothing stops:\n\n"
        f"Call: GET {gateway_url}/api/v1/index.cfm/exchange?emailaddress=YOU&apikey=KEY\n"
        f"Key: {key.prefix}…\n"
        f"Environment: {key.environment}\n"
    )
    return tuple(
        Notice(Channel.MAIL, address, text, subject, audience=Audience.CUSTOMER)
        for address in addresses_in(key.email)
    )


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
