"""What can be wrong with what somebody asks of a page."""

from alumniq_pipelines.core.problems.request import RequestProblem


class SignInRefused(RequestProblem):
    """The sign-in was refused."""

    code = "sign-in-refused"

    def __init__(self) -> None:
        """Use one wording for whatever is wrong: it tells a guesser nothing."""
        super().__init__(
            "That does not open anything here.",
            "Check that it is complete, not expired, and meant for this environment.",
        )


class PlainHttpSignIn(RequestProblem):
    """Staff cannot sign in over plain http."""

    code = "plain-http-sign-in"

    def __init__(self) -> None:
        """Say what to do, for whoever runs the installation too."""
        super().__init__(
            "Staff sign in over https only: over plain http others could read the password.",
            "Open this page by https. If a proxy does that already, have it set "
            "`X-Forwarded-For` and `X-Forwarded-Proto` and name it in `ALUMNIQ_TRUSTED_PROXIES`. "
            "`ALUMNIQ_STAFF_OVER_HTTP=true` allows plain http.",
        )


class StaleForm(RequestProblem):
    """The form is not from this session."""

    code = "stale-form"

    def __init__(self) -> None:
        """Say how to go on."""
        super().__init__(
            "This form belongs to a session that is over, so nothing was changed.",
            "Go back, load the page again, and send it once more.",
        )


class NoCustomerChosen(RequestProblem):
    """No customer was chosen yet."""

    code = "no-customer-chosen"

    def __init__(self) -> None:
        """Say where to choose."""
        super().__init__("No customer is selected.", "Select one on the dashboard.")


class NoFileChosen(RequestProblem):
    """No file was chosen."""

    code = "no-file-chosen"

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("No file came with the form.", "Choose a file, then send it again.")


class FileNotReplaced(RequestProblem):
    """A file of this name is in the bucket already."""

    code = "file-not-replaced"

    def __init__(self) -> None:
        """Say why it is not replaced."""
        super().__init__(
            "A file of this name is in the bucket already, and the key you signed in with is "
            "limited to some jobs: it may be another job's file, so it was not replaced.",
            "Choose another name.",
        )


class UploadTooLarge(RequestProblem):
    """The form or its file is too large."""

    code = "upload-too-large"

    def __init__(self, max_bytes: int) -> None:
        """Name the limit, and the way around it."""
        super().__init__(
            f"What was sent is larger than {max_bytes:,} bytes.",
            "Put it into your bucket yourself, then call the webhook.",
        )
