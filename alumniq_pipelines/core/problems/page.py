"""What can be wrong with what someone asks of a page."""

from alumniq_pipelines.core.problems.request import RequestProblem


class SignInRefused(RequestProblem):
    """The sign-in was refused."""

    code = "sign-in-refused"

    def __init__(self) -> None:
        """Use one wording for whatever is wrong: someone who guesses learns nothing."""
        super().__init__(
            "What you entered is not valid here.",
            "Check that it is complete, not expired, and meant for this environment.",
        )


class PlainHttpSignIn(RequestProblem):
    """Staff cannot sign in over plain http."""

    code = "plain-http-sign-in"

    def __init__(self) -> None:
        """Give the advice for both readers: who signs in, and who runs the installation."""
        super().__init__(
            "Staff sign in over https only: over plain http, others could read the password.",
            "Open this page by https. If a proxy already provides https, have it set "
            "`X-Forwarded-For` and `X-Forwarded-Proto` and name it in `ALUMNIQ_TRUSTED_PROXIES`. "
            "`ALUMNIQ_STAFF_OVER_HTTP=true` allows plain http.",
        )


class StaleForm(RequestProblem):
    """The form is not from this session."""

    code = "stale-form"

    def __init__(self) -> None:
        super().__init__(
            "This form belongs to a session that has ended, so nothing was changed.",
            "Go back, reload the page, and send the form again.",
        )


class NoCustomerChosen(RequestProblem):
    """No customer has been chosen."""

    code = "no-customer-chosen"

    def __init__(self) -> None:
        super().__init__("No customer is selected.", "Select one on the dashboard.")


class NoFileChosen(RequestProblem):
    """No file was chosen."""

    code = "no-file-chosen"

    def __init__(self) -> None:
        super().__init__("The form was sent without a file.", "Choose a file, then send it again.")


class FileNotReplaced(RequestProblem):
    """A file of this name is in the bucket already."""

    code = "file-not-replaced"

    def __init__(self) -> None:
        super().__init__(
            "A file of this name is in the bucket already. The key you signed in with is limited "
            "to some jobs, and this may be another job's file, so it was not replaced.",
            "Choose another name.",
        )


class UploadTooLarge(RequestProblem):
    """The form or its file is too large."""

    code = "upload-too-large"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The upload is larger than {max_bytes:,} bytes.",
            "Upload the file to your bucket directly, then call the webhook.",
        )
