"""The conditions that staff are notified of, and their texts; no cell value, key or secret.

Each function returns one condition. Times of a feed are in the time zone of its campus.
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
from alumniq_pipelines.core.problems.outage import BucketUnavailable
from alumniq_pipelines.core.shell import alumniq_command

BUCKET_KEY = "bucket"
MAIL_KEY = "mail"
QUEUE_KEY = "queue"
LAUNCHES_KEY = "launches"
MISSED_DELIVERY_PREFIX = "silence:"
STUCK_PREFIX = "stuck:"
EXHAUSTED_PREFIX = "exhausted:"
FIELD_MAP_PREFIX = "field-map:"
MAX_FAULTS = 5
"""Faults of a field map in one message; the command lists them all."""
MAX_LOADS = 5
"""Loads named in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedDelivery:
    """A delivery that was expected of a target and has not arrived."""

    target: Target
    schedule: DeliverySchedule
    expectation: Expectation
    last: datetime | None

    @property
    def key(self) -> str:
        """The key that all kinds of missed delivery of a target share."""
        return missed_delivery_key(self.target)

    @property
    def due(self) -> str:
        """When it was due, and when the last one arrived, as sentences."""
        due_at, format_time = self.expectation.due_at, self.schedule.format_time
        due = format_time(due_at) if due_at else ""
        grace = format_duration(self.schedule.grace)
        last = format_time(self.last) if self.last else "none"
        return f"It was due {due}, with a grace period of {grace}. Last published delivery: {last}."


def missed_delivery_key(target: Target) -> str:
    """Return the key of the incident that a target missed a delivery."""
    return f"{MISSED_DELIVERY_PREFIX}{target}"


def attempts_exhausted_key(target: Target) -> str:
    """Return the key of the incident that a load failed for reasons on our side."""
    return f"{EXHAUSTED_PREFIX}{target}"


def no_file(missed: MissedDelivery) -> Condition:
    """Return the condition that nothing was delivered."""
    target = missed.target
    return _condition(
        missed,
        Kind.NO_FILE,
        "No file arrived",
        f"There is no new file of this feed in {folder_of(target.environment)} of the bucket.",
        "Ask the customer whether their export ran and could write to the bucket.",
    )


def not_requested(missed: MissedDelivery, filename: str, delivered_at: datetime) -> Condition:
    """Return the condition that a file was delivered, but no webhook was called for it."""
    target = missed.target
    return _condition(
        missed,
        Kind.NOT_REQUESTED,
        "A file arrived without a webhook call",
        f"{filename} was delivered {missed.schedule.format_time(delivered_at)}, "
        "but the webhook was not called for it.",
        f"Ask the customer to call the webhook, or load the file from Dagster: materialize the "
        f"partition {target.partition_key} with this filename.",
    )


def no_outcome(missed: MissedDelivery, load: Load) -> Condition:
    """Return the condition that a load was accepted and has not ended."""
    return _condition(
        missed,
        Kind.NO_OUTCOME,
        "A load has not ended",
        f"Load {load.job_id} was accepted {missed.schedule.format_time(load.accepted_at)} "
        f"and is {load.state} after {load.attempts} of {MAX_ATTEMPTS} attempts.",
        f"See what it waits for: {alumniq_command('load', 'show', load.job_id)}. Its runs in "
        f"Dagster have the tag alumniq/job_id={load.job_id}.",
    )


def failing(missed: MissedDelivery, load: Load) -> Condition:
    """Return the condition that the last load was not published: it failed, or is held."""
    return _condition(
        missed,
        Kind.FAILING,
        "The last load was not published",
        f"Load {load.job_id} of {load.request.filename} is {load.state}: nothing of it was "
        "published.",
        f"See why, and what the customer was sent: {alumniq_command('load', 'show', load.job_id)}.",
    )


def load_stuck(load: Load, duration: str) -> Condition:
    """Return the condition that a load left the queue hours ago and has not ended."""
    target = load.target
    return Condition(
        key=f"{STUCK_PREFIX}{target}",
        kind=Kind.LOAD_STUCK,
        title=f"A load is stuck: {_target_name(target)}",
        detail=f"Load {load.job_id} has been in progress for {duration} and is {load.state}, after "
        f"{load.attempts} of {MAX_ATTEMPTS} attempts.",
        advice=f"Look at its runs in Dagster (tag alumniq/job_id={load.job_id}).",
        target=target,
    )


def attempts_exhausted(load: Load) -> Condition:
    """Return the condition that a load failed for reasons on our side.

    Staff are notified of it with the load's outcome.
    """
    target = load.target
    why = "It could not be started." if load.failed_launches else f"Attempts: {load.attempts}."
    return Condition(
        key=attempts_exhausted_key(target),
        kind=Kind.ATTEMPTS_EXHAUSTED,
        title=f"Not loaded for reasons on our side: {_target_name(target)}",
        detail=f"Load {load.job_id} failed. {why}",
        advice=f"Fix the cause, then materialize the partition {target.partition_key} in Dagster.",
        target=target,
    )


def undelivered(
    customer: str, channel: str, notification_id: str, digest: str, reason: str, advice: str = ""
) -> Condition:
    """Return the condition that a customer cannot be notified; the destination is left out.

    `reason` is why the last attempt did not deliver, `advice` what helps if no address is at fault.
    """
    return Condition(
        key=f"undelivered:{customer}:{channel}:{digest}",
        kind=Kind.UNDELIVERED,
        title=f"Notifications cannot be delivered: {customer}, {channel}",
        detail=_given_up(channel, notification_id, reason),
        advice=advice or "Inform the customer what prevents it, unless the fault is ours.",
    )


def undelivered_to_staff(
    setting: str, channel: str, notification_id: str, digest: str, reason: str, advice: str = ""
) -> Condition:
    """Return the condition that staff cannot be notified; the destination is left out."""
    return Condition(
        key=f"undelivered-to-staff:{channel}:{digest}",
        kind=Kind.UNDELIVERED,
        title=f"Notifications to staff cannot be delivered: {channel}",
        detail=_given_up(channel, notification_id, reason),
        advice=advice or f"Check that what {setting} names still exists and accepts our messages.",
    )


def mail_unavailable(failure: str) -> Condition:
    """Return the condition that our own mail server takes no mail from us."""
    return Condition(
        key=MAIL_KEY,
        kind=Kind.MAIL_UNAVAILABLE,
        title="No mail can be sent",
        detail=f"{failure} That is no recipient's fault. All mail waits and is sent once this is "
        "solved; mail that has waited for 7 days is given up.",
        advice="Check the mail server, its certificate and what it allows us, and the settings "
        "ALUMNIQ_MAIL_FROM, ALUMNIQ_SMTP_HOST, _PORT, _TLS, _USERNAME, _PASSWORD and _EHLO_NAME.",
    )


def _given_up(channel: str, notification_id: str, reason: str) -> str:
    return (
        f"The {channel} {notification_id} was given up. Its last attempt: {reason.rstrip('.')}. "
        "This incident closes when a later one is delivered."
    )


def bucket_unavailable(reason: str) -> Condition:
    """Return the condition that the store of all buckets does not answer."""
    return Condition(
        key=BUCKET_KEY,
        kind=Kind.BUCKET_UNAVAILABLE,
        title="The bucket store cannot be reached",
        detail=f"No file can be found or loaded ({reason}). Watches are paused until it is back.",
        advice="Check the store, its network and our access to it.",
    )


def customer_bucket_unavailable(bucket: str, problem: BucketUnavailable) -> Condition:
    """Return the condition that one customer's bucket, or a file in it, cannot be read."""
    if problem.is_of_file:
        title, effect = f"A file in the bucket {bucket} cannot be read", "It cannot be loaded."
    else:
        title = f"The bucket {bucket} cannot be reached"
        effect = "No file can be found in it or loaded from it."
    return Condition(
        key=f"{BUCKET_KEY}:{bucket}",
        kind=Kind.BUCKET_UNAVAILABLE,
        title=title,
        detail=f"{problem.detail} {effect}",
        advice="Check that it exists in the region that we use, and that our keys may list and "
        "read it: s3:ListBucket, s3:GetObject, and kms:Decrypt if a key of KMS encrypts its files.",
    )


def launches_failing(loads: Sequence[Load]) -> Condition:
    """Return the condition that runs of these loads, oldest first, do not start."""
    named = ". ".join(
        f"Load {load.job_id} of {_target_name(load.target)}: accepted "
        f"{load.accepted_at:%Y-%m-%d %H:%M} UTC, failed launches: {load.failed_launches}"
        for load in loads[:MAX_LOADS]
    )
    more = len(loads) - MAX_LOADS
    others = f" And {more} more." if more > 0 else ""
    count = "1 load does" if len(loads) == 1 else f"{len(loads):,} loads do"
    return Condition(
        key=LAUNCHES_KEY,
        kind=Kind.LAUNCHES_FAILING,
        title="Loads do not start",
        detail=f"The runs of {count} not start. {named}.{others} They are launched again by "
        "themselves; no file was read.",
        advice="Check that Dagster's daemon and code server run and respond, then the machine's "
        "memory and load. The runs with the tag alumniq/job_id=JOBID say why each launch failed.",
    )


def queue_stuck(first: Load, count: int, waited: str) -> Condition:
    """Return the condition that loads wait and none moves."""
    return Condition(
        key=QUEUE_KEY,
        kind=Kind.QUEUE_STUCK,
        title="The queue of loads is stuck",
        detail=f"Loads waiting: {count:,}. The first, {first.job_id}, has waited "
        f"{waited}. None is running, and none has moved.",
        advice="Check Dagster's daemon and its run queue, then the machine's disk and memory.",
    )


def field_map_broken(broken: BrokenFieldMap, *, is_disabled: bool) -> Condition:
    """Return the condition that a field map cannot be used.

    Its feed continues with the last valid one, or is disabled where there is none.
    """
    faults = ". ".join(broken.faults[:MAX_FAULTS])
    more = len(broken.faults) - MAX_FAULTS
    others = f" And {more} more." if more > 0 else ""
    follows = (
        "No valid field map was saved before, so the feed is disabled: its webhook responds 503, "
        "and loads that were accepted before wait an hour for a valid one."
        if is_disabled
        else "The feed continues with its last valid field map."
    )
    return Condition(
        key=f"{FIELD_MAP_PREFIX}{broken.feed}",
        kind=Kind.FIELD_MAP_BROKEN,
        title=f"The field map of {broken.feed} is broken",
        detail=f"{faults}.{others} {follows} Other feeds are not affected.",
        advice="Correct the file, check it with alumniq feed check, then restart the gateway and "
        "reload the code location in Dagster.",
    )


def _condition(
    missed: MissedDelivery, kind: Kind, title: str, found: str, advice: str
) -> Condition:
    detail = f"{found} {missed.due}"
    name = _target_name(missed.target)
    return Condition(
        key=missed.key,
        kind=kind,
        title=f"{title}: {name}",
        detail=detail,
        advice=advice,
        target=missed.target,
    )


def _target_name(target: Target) -> str:
    return f"{target.feed} ({target.customer}, {target.environment})"
