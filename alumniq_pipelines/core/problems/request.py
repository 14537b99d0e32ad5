"""What can be wrong with a webhook call."""

from alumniq_pipelines.core.problems.problem import SenderProblem

SAMPLE_BODY = 'Send a JSON object such as {"apiKey": "...", "filename": "warehouse.csv"}.'


class RequestProblem(SenderProblem):
    """The request cannot be accepted."""

    code = "request"


class UnknownJob(RequestProblem):
    """There is no such job."""

    code = "unknown-job"

    def __init__(self, job: str) -> None:
        """Use the contract's words."""
        super().__init__(f"Invalid Job Name: {job}")


class MissingOption(RequestProblem):
    """A required option is missing."""

    code = "missing-option"

    def __init__(self, option: str) -> None:
        """Use the contract's words; `option` is capitalised as the contract writes it."""
        super().__init__(f"Missing required option: {option}")


class MissingKey(RequestProblem):
    """No API key was sent."""

    code = "missing-key"

    def __init__(self) -> None:
        """Use the contract's words."""
        super().__init__("Missing required option: ApiKey")


class RefusedKey(RequestProblem):
    """The API key is not valid."""

    code = "refused-key"

    def __init__(self) -> None:
        """Use one wording for unknown, expired, revoked and foreign: who guesses learns nothing."""
        super().__init__(
            "The API key is not valid here.",
            "Check that it is complete, not expired, and meant for this environment.",
        )


class WrongHost(RequestProblem):
    """The API key is for another address."""

    code = "wrong-host"

    def __init__(self, environment: str, url: str) -> None:
        """Take the environment of the key, and the URL at which it is valid."""
        super().__init__(
            f"The API key is for {environment}, which has an address of its own.",
            f"With this key, use {url}. At this address, use a key for the other environment.",
        )
        self.url = url


class UnusableNotifyEmail(RequestProblem):
    """An e-mail address for notifications is not valid."""

    code = "unusable-notify-email"

    def __init__(self, reason: str, option: str = "NotifyEmail") -> None:
        """Take the reason as a clause that follows 'The option NotifyEmail', or another option.

        It repeats only printable text: an address may contain an injected header.
        """
        super().__init__(
            f"The option {option} {reason}.", "Send one address, or several separated by commas."
        )


class UnusableNotifyWebhook(RequestProblem):
    """The callback URL is not valid."""

    code = "unusable-notify-webhook"

    def __init__(self, reason: str) -> None:
        """Take the reason as a clause that follows 'The option NotifyWebhook'."""
        super().__init__(f"The option NotifyWebhook {reason}.", "Send a public https:// URL.")


class UnreadableBody(RequestProblem):
    """The request body cannot be read."""

    code = "unreadable-body"


class BodyNotUtf8(UnreadableBody):
    """The request body is not UTF-8 text."""

    code = "body-not-utf8"

    def __init__(self, byte: int) -> None:
        """Count the first wrong byte from 1."""
        super().__init__(
            f"The request body is not UTF-8 text (at byte {byte:,}).",
            "Send it as UTF-8; in PowerShell add -ContentType 'application/json; charset=utf-8'.",
        )


class BodyNotJson(UnreadableBody):
    """The request body is not valid JSON."""

    code = "body-not-json"

    def __init__(self, position: str) -> None:
        """Take where it stops being JSON."""
        super().__init__(f"The request body is not valid JSON (at {position}).", SAMPLE_BODY)


class BodyNotObject(UnreadableBody):
    """The request body is neither a JSON object nor a form."""

    code = "body-not-object"

    def __init__(self) -> None:
        super().__init__("The request body is neither a JSON object nor a form.", SAMPLE_BODY)


class BodyNestedTooDeeply(UnreadableBody):
    """The request body is nested too deeply."""

    code = "body-nested-too-deeply"

    def __init__(self) -> None:
        super().__init__("The request body is nested too deeply.", SAMPLE_BODY)


class BodyNotForm(UnreadableBody):
    """The request body is not a valid form."""

    code = "body-not-form"

    def __init__(self, max_fields: int) -> None:
        """Name the limit, which is the one fault that does not show in the form itself."""
        super().__init__(
            f"The request body is not a valid form of at most {max_fields} fields.", SAMPLE_BODY
        )


class BodyTooLarge(RequestProblem):
    """The request body is too large."""

    code = "body-too-large"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The request body is larger than {max_bytes:,} bytes.",
            "Upload the file to your bucket and send only its name.",
        )


class RepeatedOption(RequestProblem):
    """An option was sent more than once."""

    code = "repeated-option"

    def __init__(self, option: str) -> None:
        """Never repeat the values: one of them may be a key."""
        super().__init__(
            f"The option {option} was sent more than once, with different values.",
            "Send it once. Upper and lower case make no difference in its name.",
        )


class OptionNotText(RequestProblem):
    """An option is not text."""

    code = "option-not-text"

    def __init__(self, option: str) -> None:
        """Take the option as the contract writes it."""
        super().__init__(f"The option {option} is not text.", "Send its value as text, in quotes.")


class SlowRequest(RequestProblem):
    """The request did not arrive in time."""

    code = "slow-request"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The request did not arrive completely within {seconds:g} seconds.", "Send it again."
        )


class AddressTooLong(RequestProblem):
    """The URL is too long."""

    code = "address-too-long"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The URL is longer than {max_bytes:,} bytes.",
            "Send the options in the body of the request.",
        )


class UnknownAddress(RequestProblem):
    """There is nothing at this URL."""

    code = "unknown-address"

    def __init__(self) -> None:
        super().__init__(
            "There is nothing at this URL.", "Webhooks are at /api/v1/index.cfm/webhook/JOB."
        )


class WrongMethod(RequestProblem):
    """The URL does not support this method."""

    code = "wrong-method"

    def __init__(self, allowed: str) -> None:
        super().__init__("The URL does not support this method.", f"Use {allowed}.")


class MalformedRequest(RequestProblem):
    """The request is not valid HTTP."""

    code = "malformed-request"

    def __init__(self) -> None:
        """Leave the parser's own words out: they may quote what was sent."""
        super().__init__("The request is not valid HTTP.", "Check its headers and their length.")
