"""Checks of keys and field maps: of this host alone, and beside the other hosts."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alumniq_pipelines.core.problems.operation import EncryptedSecretsUnreadable
from alumniq_pipelines.core.problems.problem import Problem
from alumniq_pipelines.core.problems.setup import (
    FieldMapProblem,
    NoSigningKey,
    UnusableSealingKey,
)
from alumniq_pipelines.run_queue import LOCAL

if TYPE_CHECKING:
    from alumniq_pipelines.cli.installation_check.check import CheckContext
    from alumniq_pipelines.settings import Settings


def has_several_hosts(settings: "Settings") -> bool:
    """Whether runs may be on other hosts."""
    return settings.launcher != LOCAL


def find_in_signing_key(context: "CheckContext") -> Iterator[Problem]:
    """Read the signing key; there need be none before a customer's callbacks are signed."""
    from alumniq_pipelines.wiring import signing_key

    settings = context.settings
    has_key = settings.signing_key is not None or settings.signing_key_file.exists()
    try:
        if has_key or context.ledger.signing.is_used(datetime.now(UTC)):
            signing_key(settings)
    except NoSigningKey as problem:
        yield problem


def find_in_encryption_key(context: "CheckContext") -> Iterator[Problem]:
    """Read the encryption keys, and decrypt every stored secret with them; none is shown."""
    from alumniq_pipelines.adapters.encryption import SecretCipher
    from alumniq_pipelines.adapters.ledger.s3_keys import S3Keys
    from alumniq_pipelines.wiring import has_encryption_key, open_cipher

    settings, ledger = context.settings, context.ledger
    secrets = S3Keys(ledger.database, ledger.audit).encrypted_secrets()
    if not has_encryption_key(settings):
        if secrets:
            yield EncryptedSecretsUnreadable(len(secrets), len(secrets))
        return
    cipher = open_cipher(settings)

    def is_readable(secret: str, cipher: SecretCipher = cipher) -> bool:
        try:
            cipher.decrypt(secret)
        except UnusableSealingKey:
            return False
        return True

    unreadable = sum(not is_readable(secret) for secret in secrets)
    if unreadable:
        yield EncryptedSecretsUnreadable(unreadable, len(secrets))


def find_in_host_values(context: "CheckContext") -> Iterator[Problem]:
    """Compare keys and field maps with those that are recorded for all hosts."""
    from alumniq_pipelines.start_checks import host_differences

    yield from host_differences(context.settings, context.ledger)


def find_in_field_maps(context: "CheckContext") -> Iterator[Problem]:
    """Read all field maps; each broken one is a problem of its own."""
    from alumniq_pipelines.wiring import read_schemas

    for broken in read_schemas(context.settings).catalog.broken.values():
        yield FieldMapProblem(broken.faults)
