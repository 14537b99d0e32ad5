"""Alarms: what staff are told of each condition, in words; no cell value, key or secret.

Each function answers one condition. Times of a feed are told by the clocks of its campus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alumniq_pipelines.core.feeds.catalog import BrokenFieldMap
from alumniq_pipelines.core.loads.bucket import folder_of
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS, Load
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.duration import format_duration
from alumniq_pipelines.core.monitoring.incident import Condition, Kind
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule, Expectation
from alumniq_pipelines.core.shell import alumniq_command

BUCKET_KEY = "bucket"
QUEUE_KEY = "queue"
MISSED_DELIVERY_PREFIX = "silence:"
STUCK_PREFIX = "stuck:"
EXHAUSTED_PREFIX = "exhausted:"
FIELD_MAP_PREFIX = "field-map:"
MAX_FAULTS = 5
"""Faults of a field map in one message; the command lists them all."""


@dataclass(frozen=True, slots=True)
class MissedDelivery:
    """What was expected of a target, and has not come."""

    target: Target
    schedule: DeliverySchedule
    expectation: Expectation
    last: datetime | None

    @property
    def key(self) -> str:
        """Name what all kinds of silence of a target are about."""
        return missed_delivery_key(self.target)

    @property
    def due(self) -> str:
        """Say when it was due, and when the last one came."""
        due_at, grace = self.expectation.due_at, format_duration(self.schedule.grace)
        came = self._format_time(self.last) if self.last else "never"
        due = self._format_time(due_at)
        return f"It was due {due}, with a grace of {grace}; the last came {came}."

    def _format_time(self, moment: datetime | None) -> str:
        return "" if moment is None else f"{self.schedule.local(moment):%Y-%m-%d %H:%M %Z}"


def missed_delivery_key(target: Target) -> str:
    """Name the incident of a target that is silent."""
    return f"{MISSED_DELIVERY_PREFIX}{target}"


def attempts_exhausted_key(target: Target) -> str:
    """Name the incident of a target whose load failed for reasons of ours."""
    return f"{EXHAUSTED_PREFIX}{target}"


def no_file(missed: MissedDelivery) -> Condition:
    """Nothing was delivered."""
    target = missed.target
    return _condition(
        missed,
        Kind.NO_FILE,
        "No file came",
        f"Nothing new lies in {folder_of(target.environment)} of the bucket.",
        "Ask the customer whether their export ran and could reach the bucket.",
    )


def not_requested(missed: MissedDelivery, filename: str, delivered_at: datetime) -> Condition:
    """A file was delivered, and nobody asked for it to be loaded."""
    target = missed.target
    return _condition(
        missed,
        Kind.NOT_REQUESTED,
        "A file came without a webhook",
        f"{filename} was delivered {missed.schedule.local(delivered_at):%Y-%m-%d %H:%M %Z}, "
        "and no webhook asked for it.",
        f"Ask the customer to call the webhook, or load it from Dagster: materialise partition "
        f"{target.partition_key} with this filename.",
    )


def no_outcome(missed: MissedDelivery, load: Load) -> Condition:
    """A load was accepted, and has not ended."""
    return _condition(
        missed,
        Kind.NO_OUTCOME,
        "A load has no outcome",
        f"Load {load.job_id} was accepted {missed.schedule.local(load.accepted_at):%H:%M %Z} and "
        f"is {load.state} after {load.attempts} of {MAX_ATTEMPTS} attempts.",
        f"Look at its runs in Dagster (tag alumniq/job_id={load.job_id}).",
    )


def failing(missed: MissedDelivery, load: Load) -> Condition:
    """The load that came was not published: it failed, or is held."""
    return _condition(
        missed,
        Kind.FAILING,
        "The load that came was not published",
        f"Load {load.job_id} of {load.request.filename} is {load.state}: nothing of it was "
        "published.",
        f"See why: {alumniq_command('load', 'show', load.job_id)}. "
        "The customer was told what to mend.",
    )


def load_stuck(load: Load, waited: str) -> Condition:
    """A load has had no outcome for hours, though others go through."""
    target = load.target
    return Condition(
        f"{STUCK_PREFIX}{target}",
        Kind.LOAD_STUCK,
        f"A load is stuck: {_target_name(target)}",
        f"Load {load.job_id} was accepted {waited} ago and is {load.state}, after {load.attempts} "
        f"of {MAX_ATTEMPTS} attempts.",
        f"Look at its runs in Dagster (tag alumniq/job_id={load.job_id}).",
        target,
    )


def attempts_exhausted(load: Load) -> Condition:
    """A load failed for reasons of ours; staff were told with its outcome."""
    target = load.target
    return Condition(
        attempts_exhausted_key(target),
        Kind.ATTEMPTS_EXHAUSTED,
        f"Not loaded for reasons of ours: {_target_name(target)}",
        f"Load {load.job_id} failed; attempts made: {load.attempts}.",
        f"Mend the cause, then materialise partition {target.partition_key} in Dagster.",
        target,
    )


def undelivered(customer: str, channel: str, notification_id: str, digest: str) -> Condition:
    """What a customer is owed could not be delivered; the destination itself is left out."""
    return Condition(
        f"undelivered:{customer}:{channel}:{digest}",
        Kind.UNDELIVERED,
        f"Notifications cannot be delivered: {customer}, {channel}",
        f"The {channel} {notification_id} was given up: its receiver refused it or was never "
        "reached. It is over when a later one arrives.",
        "Tell the customer that their address no longer takes our messages.",
    )


def undelivered_to_staff(
    channel: str, setting: str, notification_id: str, digest: str
) -> Condition:
    """Staff themselves could not be notified; the destination is left out."""
    return Condition(
        f"undelivered-to-staff:{channel}:{digest}",
        Kind.UNDELIVERED,
        f"Notifications to staff cannot be delivered: {channel}",
        f"The {channel} {notification_id} was given up: its receiver refused it or was never "
        "reached. It is over when a later one arrives.",
        f"Check that what {setting} names still exists and takes our messages.",
    )


def bucket_unavailable(reason: str) -> Condition:
    """The store of all buckets does not answer."""
    return Condition(
        BUCKET_KEY,
        Kind.BUCKET_UNAVAILABLE,
        "The bucket store cannot be reached",
        f"No file can be looked for or loaded ({reason}). Feeds are not watched until it is back.",
        "Check the store, its network and our access to it.",
    )


def customer_bucket_unavailable(bucket: str, reason: str) -> Condition:
    """One customer's bucket does not answer, though others do."""
    return Condition(
        f"{BUCKET_KEY}:{bucket}",
        Kind.BUCKET_UNAVAILABLE,
        f"The bucket {bucket} cannot be reached",
        f"No file can be looked for or loaded from it ({reason}).",
        "Check that it exists and that our keys may list and read it: s3:ListBucket, s3:GetObject.",
    )


def queue_stuck(waiting: Sequence[Load], waited: str) -> Condition:
    """Loads wait and nothing moves."""
    return Condition(
        QUEUE_KEY,
        Kind.QUEUE_STUCK,
        "The queue of loads is stuck",
        f"{len(waiting)} loads wait, the first, {waiting[0].job_id}, for {waited}; none is running "
        "and none has moved.",
        "Check Dagster's daemon and its run queue; then the disk and memory of the machine.",
    )


def field_map_broken(broken: BrokenFieldMap, *, is_disabled: bool) -> Condition:
    """A field map cannot be used; its feed goes on with the last good one, if there is one."""
    faults = ". ".join(broken.faults[:MAX_FAULTS])
    more = len(broken.faults) - MAX_FAULTS
    others = f" And {more} more." if more > 0 else ""
    follows = (
        "No good field map was saved before, so the feed is disabled: its webhook answers 503, and "
        "loads that were accepted before wait an hour for a good one."
        if is_disabled
        else "The feed goes on with its last good field map."
    )
    return Condition(
        f"{FIELD_MAP_PREFIX}{broken.feed}",
        Kind.FIELD_MAP_BROKEN,
        f"The field map of {broken.feed} is broken",
        f"{faults}.{others} {follows} Other feeds are not affected.",
        "Correct the file, check it with alumniq feed check, then restart the gateway and reload "
        "the code location in Dagster.",
    )


def _condition(
    missed: MissedDelivery, kind: Kind, title: str, found: str, advice: str
) -> Condition:
    detail = f"{found} {missed.due}"
    name = _target_name(missed.target)
    return Condition(missed.key, kind, f"{title}: {name}", detail, advice, missed.target)


def _target_name(target: Target) -> str:
    return f"{target.feed} ({target.customer}, {target.environment})"
