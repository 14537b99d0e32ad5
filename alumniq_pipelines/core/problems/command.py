"""What a command or a person in the Dagster UI can ask for in vain: for staff, permanent."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.shell import alumniq_command


class UnknownFeed(SetupProblem):
    """There is no field map of that name."""

    code = "unknown-feed"

    def __init__(self, feed: str, known: Sequence[str]) -> None:
        """List what there is."""
        super().__init__(f"There is no feed {feed!r}.", f"Known feeds: {', '.join(known)}.")


class UnknownCustomer(SetupProblem):
    """There is no customer of that name."""

    code = "unknown-customer"

    def __init__(self, customer: str) -> None:
        """Say how to make one."""
        super().__init__(
            f"There is no customer {customer!r}.",
            f'Make it: {alumniq_command("customer", "add", customer)} --name "...".',
        )


class CustomerExists(SetupProblem):
    """The customer exists already."""

    code = "customer-exists"

    def __init__(self, customer: str) -> None:
        """Name the customer."""
        super().__init__(
            f"There is a customer {customer!r} already.", "List them: alumniq customer list."
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
    """The customer cannot be called that."""

    code = "unusable-customer"

    def __init__(self, customer: str) -> None:
        """Say what an id looks like."""
        super().__init__(
            f"{customer!r} cannot be a customer's id.",
            "Take a lower-case letter, then up to 30 lower-case letters, digits and hyphens.",
        )


class UnusableBucket(SetupProblem):
    """The bucket cannot be called that."""

    code = "unusable-bucket"

    def __init__(self, bucket: str) -> None:
        """Say what a bucket's name looks like (S3's own rule)."""
        super().__init__(
            f"{bucket!r} cannot be a bucket's name.",
            "Take 3 to 63 lower-case letters, digits, hyphens and single dots, "
            "with a letter or digit at both ends.",
        )


class UnknownLoad(SetupProblem):
    """There is no such load."""

    code = "unknown-load"

    def __init__(self, job_id: str) -> None:
        """Name the jobId that was asked for."""
        super().__init__(f"There is no load {job_id!r}.", "List them: alumniq load list.")


class UnknownKey(SetupProblem):
    """There is no live key of that prefix."""

    code = "unknown-key"

    def __init__(self, prefix: str) -> None:
        """Name the prefix, which may be shown."""
        super().__init__(
            f"There is no live key that starts with {prefix!r}.", "List them: alumniq key list."
        )


class UnusableSchedule(SetupProblem):
    """The rhythm of a watch cannot be kept to."""

    code = "unusable-rhythm"

    def __init__(self, reason: str) -> None:
        """Take the reason as a clause that follows 'The rhythm'."""
        super().__init__(
            f"The rhythm {reason}.", "See alumniq watch set --help, or have one proposed: suggest."
        )


class UnusableDuration(SetupProblem):
    """A length of time cannot be read."""

    code = "unusable-duration"

    def __init__(self, text: str) -> None:
        """Show how one is written."""
        super().__init__(f"{text!r} is no length of time.", "Write it like 90min, 2h or 1d 12h.")


class UnusableHeartbeat(SetupProblem):
    """The URL of a heartbeat cannot be called."""

    code = "unusable-heartbeat"

    def __init__(self, flaw: str) -> None:
        """Take the flaw as a clause that follows the option; never repeat the URL: it is secret."""
        super().__init__(
            f"The option --heartbeat-url {flaw}.", "Give a public https:// URL as its service does."
        )


class UnusableSnooze(SetupProblem):
    """It is not clear until when to snooze."""

    code = "unusable-snooze"

    def __init__(self) -> None:
        """Show all ways to say it."""
        super().__init__(
            "It is not clear until when to snooze.",
            "Give one of --until 2026-12-01T08:00, --for 3d, and --end.",
        )


class UnknownWatch(SetupProblem):
    """The target has no watch."""

    code = "unknown-watch"

    def __init__(self, target: str) -> None:
        """Say how to make one."""
        words = "watch", "set", *target.split("/")
        super().__init__(
            f"There is no watch on {target}.",
            f'Set one: {alumniq_command(*words)} --cron "0 3 * * *".',
        )


class TooLittleHistory(SetupProblem):
    """There is too little history to propose a rhythm from."""

    code = "too-little-history"

    def __init__(self, loads: int, days: int, fewest_days: int) -> None:
        """Say what there is and what is needed."""
        super().__init__(
            f"{loads} loads on {days} days show no rhythm; {fewest_days} days with a load do.",
            "Ask the customer when they deliver, and set it: alumniq watch set.",
        )


class UnknownVersion(SetupProblem):
    """There is no version of that number."""

    code = "unknown-version"

    def __init__(self, target: str, number: int, kept: Sequence[int]) -> None:
        """List what is kept."""
        numbers = ", ".join(str(kept_number) for kept_number in kept) or "none"
        super().__init__(f"Version {number} of {target} is not kept.", f"Kept: {numbers}.")


class NoOlderVersion(SetupProblem):
    """There is no older version to go back to."""

    code = "no-older-version"

    def __init__(self, target: str, kept: Sequence[int]) -> None:
        """List what is kept."""
        numbers = ", ".join(str(kept_number) for kept_number in kept) or "none"
        super().__init__(
            f"No version of {target} is kept that is older than the live one.",
            f"Kept: {numbers}. Choose one with --to.",
        )


class NothingPublished(SetupProblem):
    """Nothing has been published there."""

    code = "nothing-published"

    def __init__(self, customer: str, environment: str) -> None:
        """Say how to find out what there is."""
        super().__init__(
            f"Nothing has been published for {customer!r} in {environment!r}.",
            "See the customers with: alumniq customer list. Environments are qa and production.",
        )


class NoReportKept(SetupProblem):
    """The load has no rejection report."""

    code = "no-report-kept"

    def __init__(self, job_id: str) -> None:
        """Name the load."""
        super().__init__(
            f"No rejection report of {job_id} is kept: no row was rejected, or its time is over.",
            f"See what became of the load: {alumniq_command('load', 'show', job_id)}.",
        )


class UnusableQuery(SetupProblem):
    """The query cannot be run."""

    code = "unusable-query"

    def __init__(self, reason: str, tables: Sequence[str]) -> None:
        """Take the reason as a sentence without cell values, and list the tables there are."""
        super().__init__(reason, f"Write one SELECT. Tables: {', '.join(tables)}.")


class UnusableOutput(SetupProblem):
    """The output file cannot be written."""

    code = "unusable-output"

    def __init__(self, suffixes: Sequence[str]) -> None:
        """List what there is."""
        super().__init__(f"The name of the output file must end in {' or '.join(suffixes)}.")


class OtherFileUnusable(SetupProblem):
    """A file of another feed, to look references up in, cannot be used."""

    code = "other-file-unusable"

    def __init__(self, feed: str, faults: Sequence[str]) -> None:
        """Say what is wrong with it."""
        super().__init__(
            f"The file of the feed {feed} cannot be used: {' '.join(faults)}",
            f"Check it by itself: {alumniq_command('check', 'FILE', '--feed', feed)}.",
        )


class UnknownPartition(SetupProblem):
    """The partition belongs to no customer."""

    code = "unknown-partition"

    def __init__(self, partition_key: str) -> None:
        """Name the partition and the form that was expected."""
        super().__init__(
            f"The partition {partition_key!r} is not of the form customer.environment.",
            "Choose one that the system added; they follow the customers' subscriptions.",
        )


class NothingToReload(SetupProblem):
    """There is no file to load again."""

    code = "nothing-to-reload"

    def __init__(self, target: str) -> None:
        """Name the target."""
        super().__init__(
            f"No file was ever accepted for {target}.",
            "Give the name of a file in the bucket as `filename` in the launchpad's config.",
        )


class UnusableStaffName(SetupProblem):
    """The account cannot be called that."""

    code = "unusable-staff-name"

    def __init__(self, most: int) -> None:
        """Say what a name looks like."""
        super().__init__(
            "The name is no name to sign in with.",
            f"Take up to {most} printable characters, such as an e-mail address.",
        )


class ShortPassword(SetupProblem):
    """The password is too short."""

    code = "short-password"

    def __init__(self, fewest: int) -> None:
        """Name the limit."""
        super().__init__(
            f"The password has fewer than {fewest} characters.",
            "Take a few words that nobody would guess together.",
        )


class UnknownStaff(SetupProblem):
    """There is no staff account of that name."""

    code = "unknown-staff"

    def __init__(self, name: str) -> None:
        """Name what was asked for."""
        super().__init__(
            f"There is no staff account {name!r} that may sign in.",
            "List them: alumniq staff list.",
        )
