"""What can be wrong with a command, or with what staff start in Dagster: for staff, permanent."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.shell import alumniq_command


class UnknownFeed(SetupProblem):
    """There is no feed of that name."""

    code = "unknown-feed"

    def __init__(self, feed: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no feed {feed!r}.", f"Known feeds: {', '.join(known)}.")


class UnknownCustomer(SetupProblem):
    """There is no customer of that name."""

    code = "unknown-customer"

    def __init__(self, customer: str) -> None:
        super().__init__(
            f"There is no customer {customer!r}.",
            f'Add it: {alumniq_command("customer", "add", customer)} --name "...".',
        )


class CustomerExists(SetupProblem):
    """The customer exists already."""

    code = "customer-exists"

    def __init__(self, customer: str) -> None:
        super().__init__(
            f"The customer {customer!r} exists already.",
            "List all customers: alumniq customer list.",
        )


class BucketTaken(SetupProblem):
    """The bucket belongs to another customer."""

    code = "bucket-taken"

    def __init__(self, bucket: str) -> None:
        """Name the bucket, not whose it is."""
        super().__init__(
            f"The bucket {bucket!r} belongs to another customer.",
            "Choose another name: customers never share a bucket.",
        )


class UnusableCustomer(SetupProblem):
    """The customer's id is not valid."""

    code = "unusable-customer"

    def __init__(self, customer: str) -> None:
        super().__init__(
            f"{customer!r} is not a valid customer id.",
            "Use a lower-case letter, then up to 30 lower-case letters, digits and hyphens.",
        )


class UnusableBucket(SetupProblem):
    """The bucket's name is not valid."""

    code = "unusable-bucket"

    def __init__(self, bucket: str) -> None:
        """Give S3's own rule, which folders follow too."""
        super().__init__(
            f"{bucket!r} is not a valid bucket name.",
            "Use 3 to 63 lower-case letters, digits, hyphens and single dots, "
            "with a letter or digit at both ends.",
        )


class UnknownLoad(SetupProblem):
    """There is no such load."""

    code = "unknown-load"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no load {job_id!r}.", "List the loads: alumniq load list.")


class UnknownKey(SetupProblem):
    """There is no valid key with that prefix."""

    code = "unknown-key"

    def __init__(self, prefix: str) -> None:
        """Name the prefix, which may be shown."""
        super().__init__(
            f"There is no valid key that starts with {prefix!r}.",
            "List the keys: alumniq key list.",
        )


class UnusableSchedule(SetupProblem):
    """The schedule of a watch is not valid."""

    code = "unusable-rhythm"

    def __init__(self, reason: str) -> None:
        """Take the reason as a clause that follows 'The schedule'."""
        super().__init__(
            f"The schedule {reason}.",
            "See alumniq watch set --help, or get a suggestion: alumniq watch suggest.",
        )


class NoSummerTime(SetupProblem):
    """The time zone has no summer time."""

    code = "no-summer-time"

    def __init__(self, time_zone: str, hours: int, place: str | None) -> None:
        """Take by how many hours it is ahead of UTC, and the likely zone of a place."""
        unit, side = "hour" if abs(hours) == 1 else "hours", "ahead of" if hours > 0 else "behind"
        offset = f"{abs(hours)} {unit} {side} UTC" if hours else "UTC"
        super().__init__(
            f"The time zone {time_zone} is {offset} all year: it has no summer time. Where a "
            "campus changes its clocks, due times are off by an hour for a part of the year.",
            f"Use the time zone of a place: --time-zone {place}."
            if place
            else "Use the time zone of a place, such as America/New_York.",
        )


class UnusableDuration(SetupProblem):
    """A duration is not valid."""

    code = "unusable-duration"

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not a duration.", "Write it like 90min, 2h or 1d 12h.")


class UnusableHeartbeat(SetupProblem):
    """The URL of a heartbeat cannot be called."""

    code = "unusable-heartbeat"

    def __init__(self, flaw: str) -> None:
        """Take the flaw as a clause that follows the option; never repeat the URL: it is secret."""
        super().__init__(
            f"The option --heartbeat-url {flaw}.",
            "Give the public https:// URL that the monitoring service shows.",
        )


class UnusableSnooze(SetupProblem):
    """It is not clear until when to snooze."""

    code = "unusable-snooze"

    def __init__(self) -> None:
        super().__init__(
            "It is not clear until when to snooze.",
            "Give one of --until 2026-12-01T08:00, --for 3d, and --end.",
        )


class UnknownWatch(SetupProblem):
    """The target has no watch."""

    code = "unknown-watch"

    def __init__(self, target: str) -> None:
        words = "watch", "set", *target.split("/")
        super().__init__(
            f"There is no watch on {target}.",
            f'Set one: {alumniq_command(*words)} --cron "0 3 * * *".',
        )


class TooLittleHistory(SetupProblem):
    """There is too little history to suggest a schedule."""

    code = "too-little-history"

    def __init__(self, loads: int, days: int, min_days: int) -> None:
        super().__init__(
            f"A schedule can be suggested from {min_days} days with loads. So far there are "
            f"{days} (loads: {loads}).",
            "Ask the customer when they deliver, and set it: alumniq watch set.",
        )


class UnknownVersion(SetupProblem):
    """There is no version of that number."""

    code = "unknown-version"

    def __init__(self, target: str, number: int, stored: Sequence[int]) -> None:
        numbers = ", ".join(str(version) for version in stored) or "none"
        super().__init__(
            f"Version {number} of {target} does not exist or is no longer stored.",
            f"Stored versions: {numbers}.",
        )


class NoOlderVersion(SetupProblem):
    """There is no older version to go back to."""

    code = "no-older-version"

    def __init__(self, target: str, stored: Sequence[int]) -> None:
        numbers = ", ".join(str(version) for version in stored) or "none"
        super().__init__(
            f"No version of {target} is stored that is older than the live one.",
            f"Stored versions: {numbers}. Choose one with --to.",
        )


class NothingPublished(SetupProblem):
    """Nothing has been published there."""

    code = "nothing-published"

    def __init__(self, customer: str, environment: str) -> None:
        super().__init__(
            f"Nothing has been published for {customer!r} in {environment!r}.",
            "List the customers: alumniq customer list. The environments are qa and production.",
        )


class NoReportKept(SetupProblem):
    """The load has no rejection report."""

    code = "no-report-kept"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"There is no rejection report for {job_id}: its rows have not been checked, no row "
            "was rejected, or the report is no longer stored.",
            f"See the load's outcome: {alumniq_command('load', 'show', job_id)}.",
        )


class UnusableQuery(SetupProblem):
    """The query cannot be run."""

    code = "unusable-query"

    def __init__(self, reason: str, tables: Sequence[str]) -> None:
        """Take the reason as a sentence without cell values."""
        super().__init__(
            reason, f"Write one SELECT statement. Tables: {', '.join(tables) or 'none'}."
        )


class UnusableOutput(SetupProblem):
    """The output file's name does not say its format."""

    code = "unusable-output"

    def __init__(self, suffixes: Sequence[str]) -> None:
        super().__init__(
            "The name of the output file does not end in a known suffix.",
            f"Use a name that ends in {' or '.join(suffixes)}.",
        )


class OtherFileUnusable(SetupProblem):
    """A file of another feed, needed to check references, cannot be used."""

    code = "other-file-unusable"

    def __init__(self, feed: str, faults: Sequence[str]) -> None:
        super().__init__(
            f"The file of the feed {feed} cannot be used: {' '.join(faults)}",
            f"Check it by itself: {alumniq_command('check', 'FILE', '--feed', feed)}.",
        )


class UnknownPartition(SetupProblem):
    """The partition belongs to no customer."""

    code = "unknown-partition"

    def __init__(self, partition_key: str) -> None:
        super().__init__(
            f"The partition {partition_key!r} is not of the form customer.environment.",
            "Choose one of the partitions that exist; they follow the customers' subscriptions.",
        )


class NothingToReload(SetupProblem):
    """There is no file to load again."""

    code = "nothing-to-reload"

    def __init__(self, target: str) -> None:
        super().__init__(
            f"No file has been accepted for {target} yet.",
            "Give the name of a file in the bucket as `filename` in the launchpad's config.",
        )


class UnusableStaffName(SetupProblem):
    """The name of a staff account is not valid."""

    code = "unusable-staff-name"

    def __init__(self, max_characters: int) -> None:
        super().__init__(
            "The name cannot be used to sign in.",
            f"Use up to {max_characters} printable characters, such as an e-mail address.",
        )


class ShortPassword(SetupProblem):
    """The password is too short."""

    code = "short-password"

    def __init__(self, min_characters: int) -> None:
        super().__init__(
            f"The password has fewer than {min_characters} characters.",
            "Use a few words that nobody would guess together.",
        )


class UnknownStaff(SetupProblem):
    """There is no staff account of that name."""

    code = "unknown-staff"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no staff account {name!r} that may sign in.",
            "List the accounts: alumniq staff list.",
        )
