"""The conditions of the store and of customers' buckets, for monitoring.

The store is tried in every pass, a bucket while an incident of it is open: a call of the webhook
opens one, or a missed delivery whose cause could not be found.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

from alumniq_pipelines.core.loads.bucket import (
    MAX_LISTED,
    Bucket,
    Buckets,
    folder_of,
    object_key_error,
)
from alumniq_pipelines.core.loads.rejection_report import REPORTS
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.monitoring import conditions
from alumniq_pipelines.core.monitoring.incident import Condition
from alumniq_pipelines.core.problems.outage import BucketUnavailable
from alumniq_pipelines.core.problems.request import RequestProblem

PROBE_SECONDS = 10.0
"""How long a pass waits for all buckets together; one that hangs takes 24 s for each question."""
PROBE_THREADS = 16


def bucket_conditions(
    buckets: Buckets, open_keys: Collection[str]
) -> tuple[Sequence[Condition], frozenset[str]]:
    """Return the conditions found, and the keys of open incidents whose state is unknown."""
    prefix = f"{conditions.BUCKET_KEY}:"
    reported = {key.removeprefix(prefix): key for key in open_keys if key.startswith(prefix)}
    try:
        buckets.ping()
    except BucketUnavailable as problem:
        return [conditions.bucket_unavailable(problem.detail)], frozenset(reported.values())
    # In random order: those that hang must not keep the same others from being asked every time.
    probed = probe_buckets(buckets, random.sample(list(reported), len(reported)))
    found = [
        conditions.customer_bucket_unavailable(bucket, problem)
        for bucket, problem in probed.items()
        if problem is not None
    ]
    return found, frozenset(key for bucket, key in reported.items() if bucket not in probed)


def probe_buckets(buckets: Buckets, names: Iterable[str]) -> Mapping[str, BucketUnavailable | None]:
    """Return what is wrong with each bucket; None if it responds.

    One that was not asked for lack of time is left out. They are asked in the order of `names`.
    """
    pool = ThreadPoolExecutor(PROBE_THREADS, "bucket-probe")
    probes = {name: pool.submit(_probe, buckets.open(name)) for name in names}
    wait(probes.values(), PROBE_SECONDS)
    # What has not begun never does, and nobody waits for what hangs.
    pool.shutdown(wait=False, cancel_futures=True)
    return {name: _result(probe) for name, probe in probes.items() if not probe.cancelled()}


def _result(probe: Future[BucketUnavailable | None]) -> BucketUnavailable | None:
    if not probe.done():
        reason = f"no response within {PROBE_SECONDS:g} seconds"
        return BucketUnavailable(reason)
    return probe.result()


def _probe(bucket: Bucket) -> BucketUnavailable | None:
    """Do what a call does: list the folders and look at the newest file of each."""
    try:
        for folder in map(folder_of, Environment):
            files = [
                stored
                for stored in bucket.list_objects(folder, MAX_LISTED)
                if not stored.key.startswith(folder + REPORTS)
                and object_key_error(stored.key) is None
            ]
            if files:
                newest = max(files, key=lambda stored: stored.modified_at)
                with suppress(RequestProblem):  # a fault of that one file
                    bucket.head(newest.key)
    except BucketUnavailable as problem:
        return problem
    return None
