"""Checks of the bucket store: customers' buckets, the archive's, and that of compute logs."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from alumniq_pipelines.core.problems.operation import (
    BucketsUnchecked,
    BucketUnusable,
    StoreUnreachable,
)
from alumniq_pipelines.core.problems.outage import (
    BucketElsewhere,
    BucketGone,
    BucketUnavailable,
    FileDenied,
    FileKeyDenied,
)
from alumniq_pipelines.core.problems.problem import Problem

if TYPE_CHECKING:
    from alumniq_pipelines.cli.installation_check.check import CheckContext
    from alumniq_pipelines.core.loads.bucket import Bucket
    from alumniq_pipelines.settings import Settings

THREADS = 8
BUCKETS_SECONDS = 45.0
"""How long customers' buckets are checked; some thousand at usual latencies."""
MAX_NAMED = 5

SPECIFIC = (BucketElsewhere, BucketGone, FileDenied, FileKeyDenied)
"""Faults whose own advice says what to do."""

Faults = dict[type[BucketUnavailable], list[tuple[str, BucketUnavailable]]]


def uses_s3(settings: "Settings") -> bool:
    """Whether anything is in S3."""
    return settings.bucket == "s3" or bool(settings.archive_bucket or settings.compute_logs_bucket)


def has_archive_bucket(settings: "Settings") -> bool:
    """Whether the archive is a bucket."""
    return bool(settings.archive_bucket)


def has_compute_logs_bucket(settings: "Settings") -> bool:
    """Whether what runs print is in a bucket."""
    return bool(settings.compute_logs_bucket)


def find_in_store(context: "CheckContext") -> Iterator[Problem]:
    """Ask the store for anything; a denial is an answer, too."""
    try:
        context.s3.ping()
    except BucketUnavailable as outage:
        yield StoreUnreachable(outage.reason)


def find_in_buckets(context: "CheckContext") -> Iterator[Problem]:
    """Check the bucket of each customer, several at a time, as many as the limit allows."""
    from alumniq_pipelines.wiring import open_buckets

    settings = context.settings
    if settings.bucket == "folder" and not settings.buckets_dir.is_dir():
        return  # no customer has been added yet, or none whose bucket is here
    buckets = open_buckets(settings, lambda _: context.s3)
    names = [customer.bucket for customer in context.ledger.customers.all()]
    deadline = time.monotonic() + BUCKETS_SECONDS

    def check(name: str) -> BucketUnavailable | bool:
        return time.monotonic() < deadline and (_fault(buckets.open(name)) or True)

    faults: Faults = defaultdict(list)
    unchecked = 0
    with ThreadPoolExecutor(THREADS) as executor:
        # Python waits for these threads when it ends: a disk may hang for ever, a store does not.
        results = executor.map(check, names) if buckets.is_remote else map(check, names)
        for name, result in zip(names, results, strict=True):
            if isinstance(result, BucketUnavailable):
                faults[type(result)].append((name, result))
            unchecked += result is False
    yield from (_unusable(found) for found in faults.values())
    if unchecked:
        yield BucketsUnchecked(unchecked, BUCKETS_SECONDS)


def find_in_archive(context: "CheckContext") -> Iterator[Problem]:
    """Check the bucket of received files and held rows."""
    return _find_in_own_bucket(context, context.settings.archive_bucket)


def find_in_compute_logs(context: "CheckContext") -> Iterator[Problem]:
    """Check the bucket of what runs print."""
    return _find_in_own_bucket(context, context.settings.compute_logs_bucket)


def _find_in_own_bucket(context: "CheckContext", name: str) -> Iterator[Problem]:
    if fault := _fault(context.s3.open(name)):
        yield _unusable([(name, fault)])


def _fault(bucket: "Bucket") -> BucketUnavailable | None:
    try:
        bucket.check()
    except BucketUnavailable as fault:
        return fault
    return None


def _unusable(found: Sequence[tuple[str, BucketUnavailable]]) -> Problem:
    """Return one problem of the buckets that have the same fault; only some are named."""
    names = sorted(name for name, _ in found)
    more = [f"and {len(names) - MAX_NAMED:,} more"] if len(names) > MAX_NAMED else []
    fault = found[0][1]
    # What the others advise is about keys of ours, as their customers read it.
    advice = fault.advice if isinstance(fault, SPECIFIC) else ""
    return BucketUnusable([*names[:MAX_NAMED], *more], fault.reason, advice)
