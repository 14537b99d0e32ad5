"""What can be wrong with the file that a webhook call names, or with its name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import is_normalized

from alumniq_pipelines.core.problems.code_points import format_code_points
from alumniq_pipelines.core.problems.request import RequestProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHint:
    """What a filename that leads to no file probably means: facts from the customer's bucket."""

    folder: str
    """The folder of the key's environment, in which every filename is looked up."""

    name: str
    """The filename without a folder in front, and without characters that nobody sees."""

    sent_unseen: str = ""
    """The characters of the filename that nobody sees."""

    named: str | None = None
    """The folder of another environment, if the filename names it."""

    found: str | None = None
    """The name of a file that is there: `name`, or one that looks the same to the eye."""

    found_unseen: str = ""
    """The characters that nobody sees in the name of a file that looks the same to the eye.

    That name is `found`, unless no call can name it.
    """

    is_folder: bool = False
    """Whether the filename is that of a folder."""

    inside: str | None = None
    """The name of the newest file in that folder."""

    near: Sequence[str] = ()
    """Names of files that are there and come close."""

    elsewhere: str | None = None
    """The folder of another environment that has a file of this name."""

    @property
    def is_about_a_file(self) -> bool:
        """Whether something was found that was probably meant."""
        return bool(
            self.found or self.found_unseen or self.is_folder or self.near or self.elsewhere
        )

    def advice(self, front: str, upload: str) -> str:
        """Return what to do, in sentences.

        `front` says where filenames are looked up, `upload` what to do if there is no such file.
        """
        if self.named is not None:
            front = (
                f"The filename names {self.named}, but your key is for {self.folder}, and every "
                "filename is looked up there."
            )
        if self.found_unseen:
            what = _with_unseen(self.name, self.found, self.found_unseen)
        elif self.found is not None and self.found != self.name:
            what = _other_form(self.name, self.found)
        elif self.found is not None:
            # Somebody who names the other environment may mean its file.
            what = (
                f"Send {self.name}."
                if self.named is None
                else f"To load the file in {self.folder}, send {self.name}."
            )
        elif self.is_folder:
            example = f", such as {self.inside}" if self.inside else ""
            what = f"That is a folder: send the name of a file in it{example}."
        elif self.near:
            what = f"Did you mean {' or '.join(self.near)}?"
        else:
            what = upload
        elsewhere = (
            f"A file called {self.name} is in {self.elsewhere}: to load that one, use the address "
            "and the key of that environment."
            if self.elsewhere is not None
            else ""
        )
        return " ".join(filter(None, (front, what, elsewhere)))


class UnusableFilename(RequestProblem):
    """The filename is not valid."""

    code = "unusable-filename"

    def __init__(self, reason: str, hint: FileHint | None = None) -> None:
        """Take the reason as a clause that follows 'The filename', and what was probably meant."""
        if hint is not None and hint.is_about_a_file:
            advice = hint.advice(
                f"Every filename is looked up in {hint.folder}.",
                f"Upload the file to {hint.folder} and send {hint.name}.",
            )
        else:
            advice = (
                "Send the name that the file has below your warehouse/ folder, such as "
                "warehouse.csv."
            )
        super().__init__(f"The filename {reason}.", advice)


class FileNotInBucket(RequestProblem):
    """The file is not in the bucket."""

    code = "file-not-in-bucket"

    def __init__(self, filename: str, hint: FileHint) -> None:
        """Take what was probably meant."""
        upload = f"Upload the file to {hint.folder} and send {hint.name}."
        if hint.sent_unseen:
            advice = hint.advice(
                f"The filename that you sent contains {format_code_points(hint.sent_unseen)}, "
                "which nobody sees.",
                upload,
            )
        elif hint.name == filename:
            advice = hint.advice("", "Upload it first, then call the webhook again.")
        else:
            advice = hint.advice(
                f"Leave out the folder in front: every filename is looked up in {hint.folder}.",
                upload,
            )
        super().__init__(f"The file {filename} was not found in {hint.folder}.", advice)


class FileArchivedByStore(RequestProblem):
    """The file is in an archive storage class."""

    code = "file-archived-by-store"

    def __init__(self, key: str, *, is_restoring: bool = False) -> None:
        """Name the object, and say whether somebody has asked for it to be restored."""
        state = (
            "It is being restored, which can take hours."
            if is_restoring
            else "Objects in S3 Glacier or Deep Archive cannot be read until they are restored."
        )
        super().__init__(
            f"The file {key} is in an archive storage class of your bucket. {state}",
            "Call the webhook again once it is restored, or upload the file again in the standard "
            "storage class.",
        )


class FileEncryptedByCustomer(RequestProblem):
    """The file is encrypted with a key that only its owner has."""

    code = "file-encrypted-by-customer"

    def __init__(self, key: str) -> None:
        """Name the object."""
        super().__init__(
            f"The file {key} was uploaded with an encryption key of your own (SSE-C), without "
            "which nobody can read it.",
            "Upload it without that key; encryption by S3 itself (SSE-S3) is fine. Then call the "
            "webhook again.",
        )


def _with_unseen(name: str, found: str | None, unseen: str) -> str:
    """Explain two names that look the same, of which one has characters that nobody sees."""
    what = (
        "A file whose name looks the same is there, but its name contains "
        f"{format_code_points(unseen)}, which nobody sees."
    )
    upload = f"upload the file under the name {name}"
    if found is None:
        return f"{what} No call can name that file: {upload}, then call the webhook again."
    return f"{what} Send it as in the bucket, in JSON {json.dumps(found)}, or {upload}."


def _other_form(name: str, found: str) -> str:
    """Explain two names that look the same to the eye: nobody sees which is which."""
    return (
        "A file whose name looks the same is there, but the two are written in different Unicode "
        f"forms: the name in the bucket {_unicode_form(found)}, the one that you sent "
        f"{_unicode_form(name)}. Send it as in the bucket, in JSON {json.dumps(found)}, or upload "
        f"the file under the other name, in JSON {json.dumps(name)}."
    )


def _unicode_form(name: str) -> str:
    """Return how a name is written, as a clause that follows it."""
    if is_normalized("NFC", name):
        return "has each accented letter as one character (NFC)"
    if is_normalized("NFD", name):
        return "has accents as characters of their own (NFD, as macOS writes them)"
    return "uses other characters that look the same"
