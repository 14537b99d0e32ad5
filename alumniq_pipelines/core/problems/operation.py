"""What `alumniq doctor` finds in stores, mail, programs and their queues: for staff."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.installation import UP, Advisory
from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.shell import alumniq_command


class StoreUnreachable(SetupProblem):
    """The bucket store does not respond."""

    code = "store-unreachable"

    def __init__(self, reason: str) -> None:
        """Take the store's code or the driver's class of error."""
        super().__init__(
            f"The store of the buckets does not respond ({reason}).",
            "Start it, or correct ALUMNIQ_S3_ENDPOINT_URL, ALUMNIQ_S3_REGION and the keys "
            "(ALUMNIQ_S3_ACCESS_KEY_ID, ALUMNIQ_S3_SECRET_ACCESS_KEY).",
        )


class BucketUnusable(SetupProblem):
    """A bucket cannot be used."""

    code = "bucket-unusable"

    def __init__(self, buckets: Sequence[str], reason: str, advice: str = "") -> None:
        """Take the buckets with this fault, the store's reason, and what is known to help."""
        super().__init__(
            f"Loads from these buckets, or what is stored in them, fail ({reason}): "
            f"{', '.join(buckets)}.",
            advice
            or "Let our S3 key list, read and write it (s3:ListBucket, s3:GetObject, s3:PutObject, "
            "s3:AbortMultipartUpload), or give us the permissions of its folder.",
        )


class BucketsUnchecked(Advisory):
    """Not all buckets could be checked in time."""

    code = "buckets-unchecked"

    def __init__(self, count: int, seconds: float) -> None:
        super().__init__(
            f"{count:,} buckets were not checked: the store answers slowly, or there are more than "
            f"{seconds:g} seconds allow.",
            "The incident of a bucket that fails names it anyway: alumniq watch incidents.",
        )


class MailServerUnusable(SetupProblem):
    """No mail can be sent."""

    code = "mail-server-unusable"

    def __init__(self, detail: str) -> None:
        """Take what the attempt to connect and log in found, as a sentence."""
        super().__init__(
            detail,
            "Correct ALUMNIQ_SMTP_HOST, ALUMNIQ_SMTP_PORT, ALUMNIQ_SMTP_TLS, "
            "ALUMNIQ_SMTP_USERNAME and ALUMNIQ_SMTP_PASSWORD, or start the server.",
        )


class NoStaffChannel(Advisory):
    """Nobody among staff is notified."""

    code = "no-staff-channel"

    def __init__(self) -> None:
        super().__init__(
            "No channel to staff is set: nobody is notified of missed deliveries and faults.",
            "Set ALUMNIQ_STAFF_EMAIL, ALUMNIQ_STAFF_WEBHOOK or ALUMNIQ_STAFF_TEAMS_WEBHOOK.",
        )


class NotificationsOverdue(SetupProblem):
    """Notifications are not sent."""

    code = "notifications-overdue"

    def __init__(self, count: int, waited: str) -> None:
        super().__init__(
            f"{count:,} notifications are due and are not being sent; the first has waited for "
            f"{waited}.",
            "See in the Dagster UI whether the sensor `notifications` is running, and why its "
            "ticks fail.",
        )


class PublicUrlMissing(Advisory):
    """The address that customers use is not set."""

    code = "public-url-missing"

    def __init__(self) -> None:
        super().__init__(
            "ALUMNIQ_PUBLIC_URL is not set, so links in mails lead to the gateway's own address.",
            "Set it to the URL at which customers reach the gateways.",
        )


class GatewayUnreachable(SetupProblem):
    """The gateway does not respond."""

    code = "gateway-unreachable"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"No gateway responds at {url} ({reason}).",
            f"Start it ({UP}), or correct ALUMNIQ_GATEWAY_HOST and ALUMNIQ_GATEWAY_PORT.",
        )


class PublicUrlUnreachable(SetupProblem):
    """The gateway does not respond at its public URL."""

    code = "public-url-unreachable"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"No gateway responds at its public URL {url} ({reason}).",
            "Correct ALUMNIQ_PUBLIC_URL or ALUMNIQ_QA_PUBLIC_URL, or what leads there: DNS, the "
            "proxy and its certificate.",
        )


class GatewayNotReady(SetupProblem):
    """The gateway is not ready."""

    code = "gateway-not-ready"

    def __init__(self, url: str, reasons: Sequence[str]) -> None:
        """Take what the gateway says, which names no secret: anyone may ask it."""
        super().__init__(
            f"The gateway at {url} accepts no loads: {' '.join(reasons)}",
            "This host can reach all that the gateway needs: give the gateway the same settings "
            "and network, then start it anew.",
        )


class DaemonSilent(SetupProblem):
    """Dagster's daemon is not at work."""

    code = "daemon-silent"

    def __init__(self, silent: str | None) -> None:
        """Take for how long nothing was heard of it; None if nothing ever was."""
        since = f"for {silent}" if silent else "yet"
        super().__init__(
            f"Dagster's daemon has not been heard of {since}: loads are accepted, and none is "
            "carried out.",
            f"Start it with its code server ({UP}, or {UP} --only code,daemon). If both run, see "
            "in the Dagster UI whether the sensor `reconcile` is running and why its ticks fail.",
        )


class QueueWaits(SetupProblem):
    """Loads wait for too long."""

    code = "queue-waits"

    def __init__(self, count: int, first: str, waited: str) -> None:
        """Take how many, the first of them, and for how long that has waited."""
        super().__init__(
            f"{count:,} loads wait and none is running; the first has waited for {waited}.",
            f"See why it does not start: {alumniq_command('load', 'show', first)}. Usually the "
            "workers are stopped, or a sensor of Dagster.",
        )


class LaunchesFail(SetupProblem):
    """Runs of loads do not start."""

    code = "launches-fail"

    def __init__(self, loads: Sequence[str]) -> None:
        super().__init__(
            f"The runs of these loads repeatedly did not start: {', '.join(loads)}.",
            "See the launch errors of their runs in the Dagster UI (filter by alumniq/job_id), and "
            "whether the code server and the workers are running.",
        )


class NoWorkers(SetupProblem):
    """No Celery worker responds."""

    code = "no-workers"

    def __init__(self) -> None:
        super().__init__(
            "No Celery worker responds, so no run can be carried out.",
            f"Start one on any host that has the settings: {UP} --only worker.",
        )


class WorkersVanished(Advisory):
    """A worker has vanished."""

    code = "workers-vanished"

    def __init__(self, hosts: Sequence[str]) -> None:
        super().__init__(
            "A worker stopped renewing its lease in the last hour, on the host "
            f"{', '.join(hosts)}. Its load is tried again elsewhere.",
            "See whether the host lost power, memory or its network.",
        )


class EncryptedSecretsUnreadable(SetupProblem):
    """Stored secrets cannot be decrypted."""

    code = "encrypted-secrets-unreadable"

    def __init__(self, count: int, total: int) -> None:
        super().__init__(
            f"{count:,} of {total:,} stored secrets cannot be decrypted with the encryption key "
            "that is set.",
            "Add the key that they were encrypted with as a further one of ALUMNIQ_ENCRYPTION_KEY, "
            "or as a further line of sealing.key in the data folder; restore it from a backup.",
        )
