"""Missed deliveries: why an expected delivery is missing; pure.

The last thing the customer did decides: a webhook call since the window opened, else a file that no
webhook was called for, else nothing.
"""

import re
from collections.abc import Iterable
from datetime import timedelta

from alumniq_pipelines.core.loads.bucket import StoredFile
from alumniq_pipelines.core.loads.load import UNDERWAY_STATES, Load, LoadState
from alumniq_pipelines.core.monitoring import conditions
from alumniq_pipelines.core.monitoring.conditions import MissedDelivery
from alumniq_pipelines.core.monitoring.incident import Condition

_DIGITS = re.compile(r"\d+")
_PACKED = re.compile(r"\.(gz|zip|zst)$")

MAX_SKEW = timedelta(minutes=15)
"""How much the clock of a store may differ from ours: S3 refuses requests that differ by more."""


def was_requested(missed: MissedDelivery, last: Load | None) -> bool:
    """Whether a webhook was called since the window opened: then no file is looked for.

    By period, a window opens with the last arrival, so that one itself does not count.
    """
    opens_at = missed.expectation.opens_at
    if last is None or opens_at is None or last.accepted_at < opens_at:
        return False
    return missed.last is None or last.accepted_at > missed.last


def missed_delivery_condition(
    missed: MissedDelivery, last: Load | None, file: StoredFile | None
) -> Condition | None:
    """Return which kind of missed delivery it is; None where the delivery has just been published.

    `last` is the newest load that a webhook asked for, `file` the newest file that none asked for.
    """
    if last is not None and was_requested(missed, last):
        if last.state is LoadState.SUCCEEDED:
            return None
        known = conditions.no_outcome if last.state in UNDERWAY_STATES else conditions.failing
        return known(missed, last)
    if file is not None:
        return conditions.not_requested(missed, file.key.rpartition("/")[2], file.modified_at)
    return conditions.no_file(missed)


def newest_unrequested_file(
    files: Iterable[StoredFile], folder: str, likely: str, last: Load | None
) -> StoredFile | None:
    """Find the newest file that no webhook was called for: delivered since the `last` call.

    Customers name files as they like, and many put the date in: names count as alike when they
    differ only in digits, case or compression from `likely`, the last name that was loaded.
    """
    alike = [
        file
        for file in files
        if _folded(file.key.removeprefix(folder)) == _folded(likely)
        and (last is None or not _was_there(file, folder, last))
    ]
    return max(alike, key=lambda file: file.modified_at, default=None)


def _was_there(file: StoredFile, folder: str, last: Load) -> bool:
    """Whether a file was delivered before a call: by the store's clock, which may be ahead."""
    is_named = (file.key, file.etag) == (folder + last.request.filename, last.request.etag)
    tolerance = MAX_SKEW if is_named else timedelta()
    return file.modified_at <= last.accepted_at + tolerance


def common_prefix(likely: str) -> str:
    """Return what all similar names start with, so that fewer files need to be listed."""
    return re.split(r"\d", likely, maxsplit=1)[0]


def _folded(name: str) -> str:
    return _DIGITS.sub("0", _PACKED.sub("", name.lower()))
