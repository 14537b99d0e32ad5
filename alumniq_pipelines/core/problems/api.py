"""What can be wrong with a call of the status API or with what a page asks for."""

from collections.abc import Sequence
from datetime import datetime

from alumniq_pipelines.core.problems.problem import SenderProblem
from alumniq_pipelines.core.problems.request import RequestProblem


class NoSuchLoad(RequestProblem):
    """There is no such load."""

    code = "no-such-load"

    def __init__(self) -> None:
        """Use one wording for unknown and foreign: it tells a guesser nothing."""
        super().__init__("There is no load with this jobId.", "List yours: GET /api/v1/loads.")


class NoReport(RequestProblem):
    """The load has no rejection report."""

    code = "no-report"

    def __init__(self) -> None:
        """Say when there is one."""
        super().__init__(
            "The load has no rejection report: no row was rejected, or it is kept no longer.",
            "See what became of the load: GET /api/v1/loads/JOBID.",
        )


class NoSuchNotification(RequestProblem):
    """There is no such notification."""

    code = "no-such-notification"

    def __init__(self) -> None:
        """Use one wording for unknown and foreign: it tells a guesser nothing."""
        super().__init__(
            "The load has no notification with this id.", "See them: GET /api/v1/loads/JOBID."
        )


class NotQueued(RequestProblem):
    """The load is not queued any more."""

    code = "not-queued"

    def __init__(self, state: str) -> None:
        """Name the state that it is in."""
        super().__init__(
            f"The load is {state}, and only a queued load can be canceled.",
            "Let it end; whatever it publishes, the next load replaces.",
        )


class NotRepeatable(RequestProblem):
    """The load cannot be repeated."""

    code = "not-repeatable"

    def __init__(self) -> None:
        """Say what else can be done."""
        super().__init__(
            "The load has not ended, or what it read is not kept.",
            "Put the file into your bucket and call the webhook again.",
        )


class UnusableParameter(RequestProblem):
    """A parameter of the URL cannot be used."""

    code = "unusable-parameter"

    def __init__(self, name: str, wanted: str) -> None:
        """Say what the parameter may be, as a clause that follows 'It must be'."""
        super().__init__(f"The parameter {name} cannot be used.", f"It must be {wanted}.")


class JobNotOfKey(RequestProblem):
    """The API key does not open this job."""

    code = "job-not-of-key"

    def __init__(self, job: str, jobs: Sequence[str]) -> None:
        """Name the jobs that the key does open."""
        super().__init__(
            f"The API key does not open the job {job}.", f"It opens {', '.join(jobs)}."
        )


class TooManyRequests(RequestProblem):
    """There were too many requests."""

    code = "too-many-requests"

    def __init__(self, seconds: int) -> None:
        """Say when to come again."""
        super().__init__("There were too many requests.", f"Try again in {seconds} seconds.")
        self.seconds = seconds


class IdempotencyKeyReused(RequestProblem):
    """The Idempotency-Key was used for another request."""

    code = "idempotency-key-reused"

    def __init__(self) -> None:
        """Say what a new request needs."""
        super().__init__(
            "The Idempotency-Key was used for a request with other options.",
            "Make a new one for every new request.",
        )


class UnusableIdempotencyKey(RequestProblem):
    """The Idempotency-Key cannot be used."""

    code = "unusable-idempotency-key"

    def __init__(self, most: int) -> None:
        """Name the limit."""
        super().__init__(
            "The Idempotency-Key cannot be used.", f"Send 1 to {most} printable ASCII characters."
        )


class UnusableDryRun(RequestProblem):
    """The option DryRun is neither true nor false."""

    code = "unusable-dry-run"

    def __init__(self) -> None:
        """Say what it may be."""
        super().__init__("The option DryRun cannot be used.", "Send true or false.")


class UnusableEmailAddress(RequestProblem):
    """The e-mail address is not the key's."""

    code = "unusable-email-address"

    def __init__(self) -> None:
        """Never repeat the address, nor the one it should be."""
        super().__init__(
            "The option EmailAddress is not the address that this key belongs to.",
            "Send the address to which notices about the key go.",
        )


class KeyReplacedAlready(RequestProblem):
    """The API key was exchanged already."""

    code = "key-replaced-already"

    def __init__(self, live: Sequence[tuple[str, datetime]]) -> None:
        """Name the keys that there are instead, by their first characters."""
        made = ", ".join(f"{prefix}… (made {at:%Y-%m-%d %H:%M} UTC)" for prefix, at in live)
        super().__init__(
            f"This API key was exchanged already, and no further key was made. Live: {made}.",
            "A key is shown only once: use the one you were shown. If nobody has it, revoke it on "
            "the API keys page or ask us to, then exchange this key again.",
        )


class SpeculativeRequest(RequestProblem):
    """The request may have been sent without anybody asking for it."""

    code = "speculative-request"

    def __init__(self, header: str) -> None:
        """Name the header that says so."""
        super().__init__(
            f"The request has the header {header}, so no key was made.",
            "Send a plain GET: without prefetching and without conditions.",
        )


class S3KeysNotOfKey(RequestProblem):
    """The API key is for some jobs, and S3 keys are for all."""

    code = "access-keys-not-of-key"

    def __init__(self) -> None:
        """Say which key fetches them."""
        super().__init__(
            "The API key is limited to some jobs, and S3 keys are not: they open the files of all "
            "jobs of this environment.",
            "Fetch them with an API key for all jobs, or ask us.",
        )


class LoadCanceled(SenderProblem):
    """The load was canceled by its sender."""

    code = "load-canceled"

    def __init__(self) -> None:
        """Say what holds now."""
        super().__init__(
            "The load was canceled before it began.",
            "Call the webhook again to load the file.",
        )


class NoSuchAccessKey(RequestProblem):
    """There is no such S3 key."""

    code = "no-such-access-key"

    def __init__(self) -> None:
        """Use one wording for unknown and foreign: it tells a guesser nothing."""
        super().__init__(
            "The option AccessKeyId is not a live S3 key of this environment.",
            "Send the access key id that you use now.",
        )
