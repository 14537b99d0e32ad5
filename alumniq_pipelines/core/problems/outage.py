"""What can be temporarily unavailable on our side: transient, retried.

A problem that nothing retries does not belong here: see outcome.py for the ends of a load that are
our fault, and setup.py for what stays wrong until someone changes it.
"""

from typing import ClassVar

from alumniq_pipelines.core.problems.problem import OutageProblem

_INVESTIGATE = "This is a fault in this software. Save the file, so that it can be investigated."


class BucketUnavailable(OutageProblem):
    """The bucket is unavailable."""

    code = "bucket-unavailable"

    is_of_file: ClassVar[bool] = False
    """Whether it is known of one file only: others in the bucket may be readable."""

    def __init__(self, reason: str, advice: str = "") -> None:
        """Take the driver's class of error, never its text: it may contain credentials."""
        what = "file cannot be read" if self.is_of_file else "bucket cannot be read or written"
        super().__init__(f"The {what} at the moment ({reason}).", advice)
        self.reason = reason


class FeedUnavailable(OutageProblem):
    """The job is temporarily unavailable."""

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
    """Valid field maps could not be saved."""

    code = "field-maps-not-saved"

    def __init__(self, reason: str) -> None:
        """Take the operating system's reason."""
        super().__init__(
            f"The valid field maps cannot be saved in the data folder at the moment ({reason}).",
            "Until they are, a feed whose field map breaks has no valid one to fall back on.",
        )


class FileRefused(BucketUnavailable):
    """The store denies access to a file."""

    code = "file-refused"
    is_of_file = True

    def __init__(self, reason: str) -> None:
        """Explain S3: without s3:ListBucket, a missing file is denied, not 'not found'."""
        super().__init__(
            reason,
            "Either the file is not there, or our own keys may not read it. For our staff: the "
            "store distinguishes the two only for keys with s3:ListBucket on the bucket.",
        )


class BucketDenied(BucketUnavailable):
    """The store denies access to the bucket."""

    code = "bucket-denied"

    def __init__(self, reason: str) -> None:
        """Take the store's code."""
        super().__init__(
            reason,
            "Our own keys may not do this in it. If the bucket is yours, check that its policy "
            "still lets us list, read and write it. Otherwise our staff have to.",
        )


class BucketGone(BucketUnavailable):
    """The bucket does not exist."""

    code = "bucket-gone"

    def __init__(self, reason: str) -> None:
        """Take the store's code."""
        super().__init__(
            reason, "There is no bucket of this name any more. It has to be created again."
        )


class BucketElsewhere(BucketUnavailable):
    """The bucket is in another region."""

    code = "bucket-elsewhere"

    def __init__(self, reason: str) -> None:
        """Take the store's code."""
        super().__init__(
            reason,
            "The bucket is in another region, or under another address, than the one that we use. "
            "Our staff have to correct ALUMNIQ_S3_REGION or ALUMNIQ_S3_ENDPOINT_URL.",
        )


class FileDenied(BucketUnavailable):
    """The store denies access to a file that is there."""

    code = "file-denied"
    is_of_file = True

    def __init__(self, reason: str) -> None:
        """Take the store's code."""
        super().__init__(
            reason,
            "The file is in the bucket, but our own keys may not read it. If another AWS account "
            "uploaded it, upload it again with the canned ACL bucket-owner-full-control. "
            "Otherwise the bucket's policy has to let us read it (s3:GetObject).",
        )


class FileKeyDenied(BucketUnavailable):
    """The file is encrypted with a key that we may not use."""

    code = "file-key-denied"
    is_of_file = True

    def __init__(self, reason: str) -> None:
        """Take the store's code."""
        super().__init__(
            reason,
            "The file is encrypted with a key of AWS KMS that is disabled or that our own keys may "
            "not use. Its key policy has to allow us kms:Decrypt, or upload the file without that "
            "key.",
        )


class FileChanged(OutageProblem):
    """The file changed while it was being read."""

    code = "file-changed"

    def __init__(self, filename: str) -> None:
        """Need no advice: the next attempt reads the new file from its start."""
        super().__init__(f"The file {filename} was replaced while it was being read.")


class ArchiveUnavailable(OutageProblem):
    """The archive is unavailable."""

    code = "archive-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the operating system's reason."""
        super().__init__(f"The archive cannot be read or written at the moment ({reason}).")


class LedgerUnavailable(OutageProblem):
    """The ledger is unavailable."""

    code = "ledger-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the driver's class of error."""
        super().__init__(f"The ledger cannot be read or written at the moment ({reason}).")
        self.reason = reason


class WarehouseUnavailable(OutageProblem):
    """The warehouse is unavailable."""

    code = "warehouse-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the driver's class of error."""
        super().__init__(f"The warehouse cannot be read or written at the moment ({reason}).")
        self.reason = reason


class ReadersInTheWay(OutageProblem):
    """Open transactions prevent publishing."""

    code = "readers-in-the-way"

    def __init__(self, relation: str, seconds: int) -> None:
        """Take how long it was tried."""
        super().__init__(
            f"The columns of {relation} have to change, and for {seconds} seconds there was always "
            "an open transaction that reads it.",
            "End the transactions that were left open: see pg_stat_activity.",
        )


class ReadersDisagree(OutageProblem):
    """The two readers of the file disagree."""

    code = "readers-disagree"

    def __init__(self, expected: int, found: int) -> None:
        """Take the rows by the file's structure, and those that were staged."""
        super().__init__(
            f"The file has {expected:,} regular rows, but {found:,} were staged.", _INVESTIGATE
        )


class StagingFailed(OutageProblem):
    """The file could not be staged."""

    code = "staging-failed"

    def __init__(self, reason: str) -> None:
        """Take the driver's class of error, never its text: it contains cells."""
        super().__init__(
            f"The file's structure is sound, but staging it failed ({reason}).", _INVESTIGATE
        )


class IncompleteVersion(OutageProblem):
    """The new version was not written completely."""

    code = "incomplete-version"

    def __init__(self, announced: int, found: int) -> None:
        super().__init__(f"The new version has {found:,} rows where {announced:,} were accepted.")


class VersionNumberTaken(OutageProblem):
    """The number of the load belongs to another version."""

    code = "version-number-taken"

    def __init__(self, target: str, number: int) -> None:
        """Name the version; the next attempt gives the load another number."""
        super().__init__(
            f"Version {number} of {target} was published by another load, of which the ledger does "
            "not know: the ledger was restored from a backup. That version stays as it is.",
            "The load is tried again under a number of its own. For our staff: see what else the "
            "backup did not know with alumniq doctor.",
        )


class ScratchUnavailable(OutageProblem):
    """The scratch folder is unavailable."""

    code = "scratch-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the operating system's reason."""
        super().__init__(f"The scratch folder cannot be written at the moment ({reason}).")


class UnexpectedFault(OutageProblem):
    """Something failed unexpectedly."""

    code = "unexpected-fault"

    def __init__(self, incident: str) -> None:
        """Name the incident under which the log explains it; the text itself explains nothing."""
        super().__init__(
            "Something failed unexpectedly; the fault is ours.",
            f"Try again. If it happens again, contact us and quote this incident: {incident}.",
        )


class AccessKeysUnavailable(OutageProblem):
    """The store's access keys cannot be managed."""

    code = "access-keys-unavailable"

    def __init__(self, reason: str) -> None:
        """Take the service's code, never its text: it may contain credentials."""
        super().__init__(f"The store's access keys cannot be managed at the moment ({reason}).")


class CallTimedOut(OutageProblem):
    """The call could not be handled in time."""

    code = "call-timed-out"

    def __init__(self, seconds: float) -> None:
        """Take how long it was tried."""
        super().__init__(
            f"Your call could not be handled within {seconds:g} seconds, because the bucket or our "
            "own storage does not respond. No load was queued.",
            "Nothing is wrong with your request: leave the file in your bucket and call the "
            "webhook again later.",
        )


class GatewayStopping(OutageProblem):
    """The service is being restarted."""

    code = "gateway-stopping"

    def __init__(self) -> None:
        super().__init__(
            "The service is being restarted and could not finish your call. No load was queued.",
            "Nothing is wrong with your request: call the webhook again in a minute.",
        )
