"""Opening what the settings name: for the gateway, for commands and for Dagster's resources.

A notification channel is registered here, once: in `_staff_destinations` if it is for staff, and in
`_open_notifier`. The gateway imports this module, so what only senders need is imported late.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from alumniq_pipelines.adapters.archive import BucketArchive, FolderArchive
from alumniq_pipelines.adapters.bucket.folder import FolderBuckets
from alumniq_pipelines.adapters.data_folder import group_id, protect
from alumniq_pipelines.adapters.field_maps import FieldMapFolder
from alumniq_pipelines.adapters.last_good_field_maps import LastGoodFieldMaps
from alumniq_pipelines.adapters.signing_key import read_key, save_key
from alumniq_pipelines.core.loads.archive import Archive
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
from alumniq_pipelines.core.notifications.email_addresses import addresses_in
from alumniq_pipelines.core.notifications.notification import Channel, Notification
from alumniq_pipelines.core.notifications.signing import derive_secret, new_key
from alumniq_pipelines.core.notifications.staff import (
    SECRET_DESTINATION,
    STAFF_CHANNELS,
    Staff,
    StaffChannel,
    StaffRecipient,
)
from alumniq_pipelines.core.problems.setup import NoSigningKey, TracingNotInstalled
from alumniq_pipelines.files.private_files import make_folder
from alumniq_pipelines.settings import Settings, tracing_is_configured
from alumniq_pipelines.telemetry.tracing import is_tracing, start_tracing

if TYPE_CHECKING:
    from pydantic import SecretStr

    from alumniq_pipelines.adapters.bucket.s3 import S3Buckets
    from alumniq_pipelines.adapters.encryption import SecretCipher
    from alumniq_pipelines.adapters.ledger.ledger import Ledger
    from alumniq_pipelines.adapters.notifiers.callback import SecretsLookup
    from alumniq_pipelines.adapters.notifiers.mail import MailTransport
    from alumniq_pipelines.adapters.notifiers.smtp import SmtpTransport
    from alumniq_pipelines.services.delivery import Notifier

logger = logging.getLogger(__name__)


def open_s3(settings: Settings) -> "S3Buckets":
    """Open the S3 store that the settings name."""
    # The embedded profile never needs boto3, which is a third of the gateway's time to start.
    from alumniq_pipelines.adapters.bucket.s3 import S3Buckets, s3_client

    return S3Buckets(
        s3_client(
            endpoint_url=settings.s3_endpoint_url,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=_secret(settings.s3_secret_access_key),
        )
    )


def open_buckets(settings: Settings, s3: Callable[[Settings], Buckets] = open_s3) -> Buckets:
    """Open the store that customers upload to; makes the folder of a new installation.

    `s3` opens a store of that kind: Dagster passes one that goes through its own S3 resource.
    """
    match settings.bucket:
        case "folder":
            make_folder(settings.buckets_dir)
            return FolderBuckets(settings.buckets_dir)
        case "s3":
            return s3(settings)
    assert_never(settings.bucket)


def protect_data_folder(settings: Settings) -> None:
    """Make the data folder private, if there is one.

    Raises DataFolderNotPrivate, DataFolderShared, DataFolderUnusable and UnusableWarehouseGroup.
    """
    if settings.home.exists():
        protect(
            settings.home,
            group_id(settings.warehouse_group),
            warehouse=settings.warehouse_dir.name,
            buckets=settings.buckets_dir.name,
        )


def open_archive(settings: Settings) -> Archive:
    """Open the archive: a folder, or the bucket that the settings name."""
    if not settings.archive_bucket:
        return FolderArchive(settings.archive_dir)
    return BucketArchive(open_s3(settings).open(settings.archive_bucket))


def highest_version_number(settings: Settings) -> int:
    """Return the highest number in the warehouse, without DuckDB, for the gateway; 0 if none.

    Raises WarehouseUnavailable and UnusableWarehouseUrl.
    """
    match settings.warehouse:
        case "duckdb":
            from alumniq_pipelines.adapters.warehouse.duckdb.numbers import highest_number

            return highest_number(settings.warehouse_dir)
        case "postgres":
            from alumniq_pipelines.adapters.warehouse.postgres.numbers import (
                check_url,
                highest_number_at,
            )

            return highest_number_at(check_url(_secret(settings.warehouse_url) or ""))
    assert_never(settings.warehouse)


def staff_of(settings: Settings) -> Staff:
    """Return the recipients among staff whom the settings name."""
    return Staff(
        tuple(
            StaffRecipient(channel, destination)
            for channel in STAFF_CHANNELS
            for destination in _staff_destinations(channel, settings)
        )
    )


def _staff_destinations(channel: StaffChannel, settings: Settings) -> Sequence[str]:
    match channel:
        case Channel.MAIL:
            return addresses_in(settings.staff_email)
        case Channel.CHAT:
            return [SECRET_DESTINATION] if settings.staff_webhook else []
        case Channel.TEAMS:
            return [SECRET_DESTINATION] if settings.staff_teams_webhook else []
    assert_never(channel)


def open_notifiers(settings: Settings, ledger: "Ledger") -> "Mapping[Channel, Notifier]":
    """Return a notifier for every channel."""
    notifiers = {channel: _open_notifier(channel, settings, ledger) for channel in Channel}
    if not is_tracing():
        return notifiers
    from alumniq_pipelines.services.traced_delivery import TracedNotifier

    return {
        channel: TracedNotifier(notifier, ledger.loads.get)
        for channel, notifier in notifiers.items()
    }


def trace_if_configured(service: str) -> None:
    """Send the spans of this process to a collector, if the environment names one."""
    if tracing_is_configured():
        try:
            start_tracing(service)
        except TracingNotInstalled as problem:
            logger.warning("%s: %s", problem.code, problem)


def _open_notifier(channel: Channel, settings: Settings, ledger: "Ledger") -> "Notifier":
    addresses = AddressPolicy.of(settings.callback_allowed_networks)
    match channel:
        case Channel.CALLBACK:
            from alumniq_pipelines.adapters.notifiers.callback import CallbackNotifier

            return CallbackNotifier(addresses, secrets=signing_secrets(settings, ledger))
        case Channel.MAIL:
            from alumniq_pipelines.adapters.notifiers.mail import MailNotifier

            return MailNotifier(_open_mail(settings), settings.mail_from)
        case Channel.CHAT:
            from alumniq_pipelines.adapters.notifiers.chat import ChatNotifier

            return ChatNotifier(_secret(settings.staff_webhook))
        case Channel.TEAMS:
            from alumniq_pipelines.adapters.notifiers.teams import TeamsNotifier

            return TeamsNotifier(_secret(settings.staff_teams_webhook))
        case Channel.HEARTBEAT:
            from alumniq_pipelines.adapters.notifiers.heartbeat import HeartbeatNotifier

            return HeartbeatNotifier(addresses)
    assert_never(channel)


def _open_mail(settings: Settings) -> "MailTransport":
    """Return the mail transport that the settings name."""
    from alumniq_pipelines.adapters.notifiers.mail import FolderTransport

    match settings.mail:
        case "folder":
            return FolderTransport(settings.mail_dir)
        case "smtp":
            return open_smtp(settings)
    assert_never(settings.mail)


def open_smtp(settings: Settings, seconds: float | None = None) -> "SmtpTransport":
    """Return the transport of the mail server; `seconds` limits connecting and logging in."""
    from alumniq_pipelines.adapters.notifiers.smtp import SmtpTransport, Timeouts

    limits = Timeouts() if seconds is None else Timeouts(command=seconds, session=seconds)
    return SmtpTransport(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_tls,
        username=settings.smtp_username,
        password=_secret(settings.smtp_password),
        ehlo_name=settings.smtp_ehlo_name,
        timeouts=limits,
    )


def signing_secrets(settings: Settings, ledger: "Ledger") -> "SecretsLookup":
    """Return a lookup of a callback's signing secrets, which raises NoSigningKey."""

    def secrets(notification: Notification) -> Sequence[str]:
        if notification.job_id is None:
            return ()
        salts = ledger.signing.of_load(notification.job_id, datetime.now(UTC))
        return [derive_secret(signing_key(settings), salt) for salt in salts]

    return secrets


def read_schemas(settings: Settings) -> FieldMapFolder:
    """Read the field maps that are in force; raises FieldMapsMissing and FieldMapProblem."""
    return LastGoodFieldMaps(settings.last_good_dir).read_schemas(settings.schemas_dir)


def save_field_maps(
    settings: Settings, good: Mapping[str, str], *, only_missing: bool = False
) -> None:
    """Save good field maps for when their files are broken; raises FieldMapsNotSaved."""
    LastGoodFieldMaps(settings.last_good_dir).save(good, only_missing=only_missing)


def remove_retired_field_maps(settings: Settings, found: FieldMapFolder) -> None:
    """Remove saved field maps whose files were deleted; raises FieldMapsNotSaved.

    Call it only right after reading the whole folder, and never in a run.
    """
    LastGoodFieldMaps(settings.last_good_dir).remove_retired(found.files, settings.schemas_dir)


def signing_key(settings: Settings) -> bytes:
    """Read the key that signing secrets are derived from; raises NoSigningKey."""
    try:
        if settings.signing_key is not None:
            return bytes.fromhex(settings.signing_key.get_secret_value())
        key = read_key(settings.signing_key_file)
    except ValueError:
        raise NoSigningKey from None
    if key is None:
        raise NoSigningKey
    return key


def ensure_signing_key(settings: Settings) -> bytes:
    """Read the signing key, and make it if there is none yet; raises NoSigningKey."""
    if settings.signing_key is None and read_key(settings.signing_key_file) is None:
        save_key(settings.signing_key_file, new_key())
    return signing_key(settings)


def has_encryption_key(settings: Settings) -> bool:
    """Whether there is an encryption key; opening the cipher would make one."""
    return settings.encryption_key is not None or settings.encryption_key_file.exists()


def open_cipher(settings: Settings) -> "SecretCipher":
    """Open the cipher for secrets that must be shown again; raises UnusableSealingKey."""
    from alumniq_pipelines.adapters.encryption import SecretCipher

    if settings.encryption_key is None:
        return SecretCipher.from_file(settings.encryption_key_file)
    return SecretCipher.of(settings.encryption_key.get_secret_value(), "ALUMNIQ_ENCRYPTION_KEY")


def _secret(setting: "SecretStr | None") -> str | None:
    return None if setting is None else setting.get_secret_value()
