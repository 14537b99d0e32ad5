"""What every program checks at its start: the ledger's tables, and that all hosts are alike.

`alumniq migrate` records which keys and field maps all hosts must have. A program that may share
its work with other hosts starts only with these: with another signing key customers would refuse
callbacks, with another encryption key stored secrets could not be read, and with other field maps
a load would end differently on each host.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress

from alumniq_pipelines.adapters.field_maps import field_map_digests
from alumniq_pipelines.adapters.ledger.database import setup_problems_shown
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.notifications.signing import key_fingerprint
from alumniq_pipelines.core.problems.database import DatabaseProblem
from alumniq_pipelines.core.problems.hosts import FieldMapsDiffer, HostValuesMissing, KeyDiffers
from alumniq_pipelines.core.problems.outage import LedgerUnavailable
from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.problems.setup import NoSigningKey, UnusableSealingKey
from alumniq_pipelines.run_queue import LOCAL, check_queue
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import has_encryption_key, open_cipher, signing_key

SIGNING_KEY, ENCRYPTION_KEY, FIELD_MAPS = "signing-key", "encryption-key", "field-maps"
RECORDED = (SIGNING_KEY, ENCRYPTION_KEY, FIELD_MAPS)
ENCRYPTED = "encrypted by the newest key"
"""A text that shows whether a host has that key, or still has it after a rotation."""

logger = logging.getLogger(__name__)


def check_start(settings: Settings) -> None:
    """Raise the SetupProblem for which this program must not start on this host.

    A database that is merely away is none: the program starts, and works once it is back.
    """
    check_queue(settings)
    with closing(Ledger.open(settings.ledger)) as ledger:
        if not ledger.database.exists():  # the first that needs it makes it
            return
        try:
            ledger.check_revision()
            for problem in host_differences(settings, ledger):
                raise problem
        except (LedgerUnavailable, DatabaseProblem) as problem:
            logger.warning("%s: %s", problem.code, problem)


def record_host_values(settings: Settings, ledger: Ledger, *, anew: bool) -> None:
    """Record what this host has of what all must have alike; if `anew`, in place of what is there.

    A key that does not exist yet is not made for it. Raises NoSigningKey and UnusableSealingKey if
    others would have to compare theirs with one that cannot be used, and DatabaseProblem.
    """
    if anew and settings.launcher != LOCAL:
        signing_key(settings)
        open_cipher(settings)
    with setup_problems_shown():
        ledger.host_values.record(_values(settings), RECORDED if anew else ())


def host_differences(settings: Settings, ledger: Ledger) -> Iterator[SetupProblem]:
    """Yield what this host has otherwise than it is recorded; nothing if there is one host only."""
    if settings.launcher == LOCAL:
        return
    recorded = ledger.host_values.all()
    if not set(RECORDED) <= set(recorded):
        yield HostValuesMissing()
        return
    if _signing_fingerprint(settings) != recorded[SIGNING_KEY]:
        yield KeyDiffers("signing")
    if not _can_decrypt(settings, recorded[ENCRYPTION_KEY]):
        yield KeyDiffers("encryption")
    expected: Mapping[str, str] = json.loads(recorded[FIELD_MAPS])
    found = field_map_digests(settings.schemas_dir)
    feeds = {feed for feed, _ in expected.items() ^ found.items()}
    if feeds:
        yield FieldMapsDiffer(sorted(feeds))


def _values(settings: Settings) -> Mapping[str, str]:
    values = {FIELD_MAPS: json.dumps(field_map_digests(settings.schemas_dir), sort_keys=True)}
    if (fingerprint := _signing_fingerprint(settings)) is not None:
        values[SIGNING_KEY] = fingerprint
    if has_encryption_key(settings):
        with suppress(UnusableSealingKey):
            values[ENCRYPTION_KEY] = open_cipher(settings).encrypt(ENCRYPTED)
    return values


def _signing_fingerprint(settings: Settings) -> str | None:
    try:
        return key_fingerprint(signing_key(settings))
    except NoSigningKey:
        return None


def _can_decrypt(settings: Settings, token: str) -> bool:
    if not has_encryption_key(settings):
        return False
    try:
        return open_cipher(settings).decrypt(token) == ENCRYPTED
    except UnusableSealingKey:
        return False
