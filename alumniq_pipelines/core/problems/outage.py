"""What can be away or fail on our side: transient, retried."""

from alumniq_pipelines.core.problems.problem import OutageProblem
from alumniq_pipelines.core.shell import alumniq_command


class BucketUnavailable(OutageProblem):
    """The bucket cannot be reached."""

    code = "bucket-unavailable"

    def __init__(self, reason: str, advice: str = "") -> None:
        """Take the driver's class of error, never its text: it may hold credentials."""
        super().__init__(f"The bucket cannot be read or written just now ({reason}).", advice)


class FeedUnavailable(OutageProblem):
    """The feed is not available at the moment."""

    code = "feed-unavailable"

    def __init__(self, job: str) -> None:
        """Name the job; what is wrong with its field map is for staff."""
        super().__init__(
            f"The job {job} is not available at the moment because of a fault in our "
            "configuration. No load was queued.",
            "Nothing is wrong with your request: leave the file in your bucket and call the "
            "webhook again later.",
        )


class FieldMapsNotSaved(OutageProblem):
    """Good field maps could not be saved."""

    code = "field-maps-not-saved"

    def __init__(self, reason: str) -> None:
        """Take the operating system's reason."""
        super().__init__(
            f"The good field maps cannot be saved in the data folder just now ({reason}).",
            "If one breaks before they are, its feed has no good field map to go on with.",
        )


class DagsterUnavailable(OutageProblem):
    """Dagster's records cannot be opened."""

    code = "dagster-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the class of error, never its text: it may hold a password."""
        super().__init__(
            f"Dagster's records cannot be opened just now ({reason}). Nothing was changed.",
            "Check the database that dagster/dagster.yaml in the data folder names.",
        )


class MoveInterrupted(OutageProblem):
    """Moving readers to another version was interrupted."""

    code = "move-interrupted"

    def __init__(self, target: str, number: int, reason: str) -> None:
        """Say how to find out what holds now, and how to finish it."""
        place = target.split("/")
        listing = alumniq_command("version", "list", *place)
        moving = alumniq_command("version", "rollback", *place, "--to", number)
        super().__init__(
            f"Moving readers of {target} to version {number} was interrupted, so it may or may "
            f"not be live: {reason}",
            f"See what is live: {listing}. To finish the move, which is harmless to repeat: "
            f"{moving}.",
        )


class MoveNotRecorded(OutageProblem):
    """Readers were moved to another version, and that could not be recorded."""

    code = "move-not-recorded"

    def __init__(self, target: str, number: int, where: str, reason: str) -> None:
        """Say first what was done: whoever repeats the command goes one version too far."""
        super().__init__(
            f"Version {number} of {target} is live. That could not be recorded {where} ({reason}).",
            "Do not repeat the command.",
        )


class FileRefused(BucketUnavailable):
    """The store refuses to look at a file."""

    code = "file-refused"

    def __init__(self, reason: str) -> None:
        """Explain S3: without s3:ListBucket a file that is missing is refused, not missed."""
        super().__init__(
            reason,
            "Either the file is not there, or our own keys may not read it. For our staff: only "
            "with s3:ListBucket on the bucket does the store tell the two apart.",
        )


class FileChanged(OutageProblem):
    """The file changed while it was being read."""

    code = "file-changed"

    def __init__(self, filename: str) -> None:
        """Name the file; the next attempt reads the new one from its start."""
        super().__init__(f"The file {filename} was replaced while it was being read.")


class ArchiveUnavailable(OutageProblem):
    """The archive cannot be reached."""

    code = "archive-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the operating system's reason."""
        super().__init__(f"The archive cannot be read or written just now ({reason}).")


class LedgerUnavailable(OutageProblem):
    """The ledger cannot be reached."""

    code = "ledger-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the driver's class of error."""
        super().__init__(f"The ledger cannot be read or written just now ({reason}).")
        self.reason = reason


class WarehouseUnavailable(OutageProblem):
    """The warehouse cannot be written."""

    code = "warehouse-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the driver's class of error."""
        super().__init__(f"The warehouse cannot be read or written just now ({reason}).")


class ReadersInTheWay(OutageProblem):
    """Readers leave no moment to publish in."""

    code = "readers-in-the-way"

    def __init__(self, relation: str, seconds: int) -> None:
        """Name the relation, and how long it was tried."""
        super().__init__(
            f"The columns of {relation} change, and for {seconds} s there was no moment without a "
            "transaction that reads it.",
            "End the transactions that were left open: see pg_stat_activity.",
        )


class ReadersDisagree(OutageProblem):
    """Two readers do not agree on the file."""

    code = "readers-disagree"

    def __init__(self, expected: int, found: int) -> None:
        """Give the rows by the file's structure, and those that were staged."""
        super().__init__(
            f"The file has {expected:,} regular rows, but {found:,} were staged.",
            "This is a fault of ours: keep the file for whoever looks into it.",
        )


class StagingFailed(OutageProblem):
    """The file could not be staged."""

    code = "staging-failed"

    def __init__(self, reason: str) -> None:
        """Take the driver's class of error, never its text: it holds cells."""
        super().__init__(
            f"The file's structure is sound, but staging it failed ({reason}).",
            "This is a fault of ours: keep the file for whoever looks into it.",
        )


class IncompleteVersion(OutageProblem):
    """The version was not written whole."""

    code = "incomplete-version"

    def __init__(self, announced: int, found: int) -> None:
        """Give both numbers of rows."""
        super().__init__(f"The new version has {found:,} rows where {announced:,} were accepted.")


class ScratchUnavailable(OutageProblem):
    """There is no room to work in."""

    code = "scratch-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the operating system's reason."""
        super().__init__(f"The scratch folder cannot be written just now ({reason}).")


class UnexpectedFault(OutageProblem):
    """Something failed that should not have."""

    code = "unexpected-fault"

    def __init__(self, incident: str) -> None:
        """Name the incident under which the log explains it; the text itself explains nothing."""
        super().__init__(
            "Something failed that should not have; the fault is ours.",
            f"Try again, and if it stays, tell us the incident: {incident}.",
        )


class UnexplainedFailure(OutageProblem):
    """The load ended without a reason."""

    code = "unexplained-failure"

    def __init__(self) -> None:
        """Own up: this is never the sender's fault."""
        super().__init__("The load ended for a reason that was not recorded; the fault is ours.")


class LoadStopped(OutageProblem):
    """The load was stopped by a person."""

    code = "load-stopped"

    def __init__(self) -> None:
        """Own up: the customer did nothing wrong."""
        super().__init__(
            "The load was stopped by our staff before it was done.",
            "Call the webhook again to load the file.",
        )


class Misconfigured(OutageProblem):
    """Something is set up wrongly on our side."""

    code = "misconfigured"

    def __init__(self) -> None:
        """Own up; what it is, staff are told: it is nothing the customer could mend."""
        super().__init__(
            "The file could not be loaded because something is set up wrongly on our side.",
            "Our staff has been notified.",
        )


class AttemptsExhausted(OutageProblem):
    """Every attempt at the load failed."""

    code = "attempts-exhausted"

    def __init__(self, attempts: int) -> None:
        """Say how often it was tried, and that it is ours to mend."""
        super().__init__(
            f"The load was tried {attempts} times and failed each time for reasons on our side.",
            "Our staff has been notified.",
        )


class AccessKeysUnavailable(OutageProblem):
    """The store's keys cannot be managed."""

    code = "access-keys-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the service's code, never its text: it may hold credentials."""
        super().__init__(f"The store's access keys cannot be managed just now ({reason}).")
