"""What can be wrong with a call of the status API, or with what a page asks for."""

from collections.abc import Sequence
from datetime import datetime

from alumniq_pipelines.core.problems.problem import SenderProblem
from alumniq_pipelines.core.problems.request import RequestProblem


class NoSuchLoad(RequestProblem):
    """There is no such load."""

    code = "no-such-load"

    def __init__(self) -> None:
        """Use one wording for unknown and foreign loads: someone who guesses learns nothing."""
        super().__init__("There is no load with this jobId.", "List your loads: GET /api/v1/loads.")


class NoReport(RequestProblem):
    """The load has no rejection report."""

    code = "no-report"

    def __init__(self) -> None:
        super().__init__(
            "There is no rejection report for this load: its rows have not been checked, no row "
            "was rejected, or the report is no longer stored.",
            "See the load's outcome: GET /api/v1/loads/JOBID.",
        )


class NoSuchNotification(RequestProblem):
    """There is no such notification."""

    code = "no-such-notification"

    def __init__(self) -> None:
        """Use one wording for unknown and foreign ids: someone who guesses learns nothing."""
        super().__init__(
            "The load has no notification with this id.",
            "See the load's notifications: GET /api/v1/loads/JOBID.",
        )


class NotQueued(RequestProblem):
    """The load can no longer be canceled."""

    code = "not-queued"

    def __init__(self, state: str) -> None:
        super().__init__(
            f"The load is {state}. Only a load that is queued, requested or running can be "
            "canceled.",
            "To load another file instead, upload it and call the webhook again.",
        )


class BeingPublished(RequestProblem):
    """The publication of the load has begun."""

    code = "being-published"

    def __init__(self) -> None:
        super().__init__(
            "The file was checked and its publication has begun, so the load can no longer be "
            "canceled.",
            "To replace what it publishes, upload the right file and call the webhook again.",
        )


class NotRepeatable(RequestProblem):
    """The load cannot be repeated."""

    code = "not-repeatable"

    def __init__(self) -> None:
        super().__init__(
            "The load has not ended yet, or it ended before its file was read.",
            "Wait until it has ended, or upload the file again and call the webhook again.",
        )


class UnusableParameter(RequestProblem):
    """A parameter of the URL is not valid."""

    code = "unusable-parameter"

    def __init__(self, name: str, wanted: str) -> None:
        """Take what the parameter may be as a phrase that follows 'It must be'."""
        super().__init__(f"The parameter {name} is not valid.", f"It must be {wanted}.")


class JobNotOfKey(RequestProblem):
    """The API key is not valid for this job."""

    code = "job-not-of-key"

    def __init__(self, job: str, jobs: Sequence[str]) -> None:
        """Take the jobs that the key is valid for."""
        super().__init__(
            f"The API key is not valid for the job {job}.",
            f"It is valid for: {', '.join(jobs) or 'no job'}.",
        )


class TooManyRequests(RequestProblem):
    """There were too many requests."""

    code = "too-many-requests"

    def __init__(self, seconds: int) -> None:
        super().__init__("There were too many requests.", f"Try again in {seconds} seconds.")
        self.seconds = seconds


class IdempotencyKeyReused(RequestProblem):
    """The Idempotency-Key was used for another request."""

    code = "idempotency-key-reused"

    def __init__(self) -> None:
        super().__init__(
            "The Idempotency-Key was already used for a request with other options.",
            "Use a new one for every new request.",
        )


class UnusableIdempotencyKey(RequestProblem):
    """The Idempotency-Key is not valid."""

    code = "unusable-idempotency-key"

    def __init__(self, max_characters: int) -> None:
        super().__init__(
            "The Idempotency-Key is not valid.",
            f"Send 1 to {max_characters} printable ASCII characters.",
        )


class UnusableDryRun(RequestProblem):
    """The option DryRun is neither true nor false."""

    code = "unusable-dry-run"

    def __init__(self) -> None:
        super().__init__("The option DryRun is neither true nor false.", "Send true or false.")


class UnusableEmailAddress(RequestProblem):
    """The e-mail address is not the one registered for the key."""

    code = "unusable-email-address"

    def __init__(self) -> None:
        """Never repeat the address that was sent, nor the one that is registered."""
        super().__init__(
            "The option EmailAddress is not the address that is registered for this API key.",
            "Send the address that receives our messages about the key.",
        )


class KeyReplacedAlready(RequestProblem):
    """Related API keys are still valid."""

    code = "key-replaced-already"

    def __init__(self, live: Sequence[tuple[str, datetime]]) -> None:
        """Take the related keys by their first characters, and when each was made."""
        made = ", ".join(f"{prefix}… (made {at:%Y-%m-%d %H:%M} UTC)" for prefix, at in live)
        super().__init__(
            "No new key was made, because keys that belong to the same chain of exchanges are "
            f"still valid: {made}.",
            "A key is shown only once: if you have one of these, use it. If nobody has it, revoke "
            "it on the API keys page or ask us to, then exchange this key again.",
        )


class SpeculativeRequest(RequestProblem):
    """The request may have been sent without anyone asking for it."""

    code = "speculative-request"

    def __init__(self, header: str) -> None:
        super().__init__(
            f"The request has the header {header}, so no key was made.",
            "Send a plain GET request, without headers for prefetching or conditions.",
        )


class S3KeysNotOfKey(RequestProblem):
    """The API key is limited to some jobs, and S3 keys are not."""

    code = "access-keys-not-of-key"

    def __init__(self) -> None:
        super().__init__(
            "The API key is limited to some jobs, and S3 keys are not: they give access to the "
            "files of all jobs of this environment.",
            "Use an API key that is valid for all jobs, or ask us for the S3 keys.",
        )


class LoadCanceled(SenderProblem):
    """The load was canceled."""

    code = "load-canceled"

    def __init__(self) -> None:
        super().__init__(
            "The load was canceled before it began.",
            "Call the webhook again to load the file.",
        )


class LoadCanceledUnderway(SenderProblem):
    """The load was canceled after it had begun."""

    code = "load-canceled-underway"

    def __init__(self) -> None:
        super().__init__(
            "The load was canceled after it had begun. Nothing of it was published.",
            "Call the webhook again to load the file.",
        )


class NoSuchAccessKey(RequestProblem):
    """There is no such S3 key."""

    code = "no-such-access-key"

    def __init__(self) -> None:
        """Use one wording for unknown and foreign keys: someone who guesses learns nothing."""
        super().__init__(
            "The option AccessKeyId is not a valid S3 key of this environment.",
            "Send the access key id that you use now.",
        )
