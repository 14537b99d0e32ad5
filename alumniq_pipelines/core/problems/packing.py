"""What can be wrong with the compression of a delivered file."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.file import FileProblem

MAX_NAMES_LISTED = 10
MAX_NAME_CHARACTERS = 60

_ONE_FILE = "Put exactly one file into it."


class DamagedArchive(FileProblem):
    """The compressed file is damaged."""

    code = "damaged-archive"

    def __init__(self, byte: int) -> None:
        """Take how far it was read."""
        super().__init__(
            "The compressed file is damaged, or other data follows its end (read up to byte "
            f"{byte:,}).",
            "Compress it again, and upload it in binary mode.",
        )


class TruncatedArchive(FileProblem):
    """The compressed file ends too early."""

    code = "truncated-archive"

    def __init__(self) -> None:
        super().__init__(
            "The compressed file ends too early: its upload was probably interrupted.",
            "Upload it again.",
        )


class NeedsMuchMemory(FileProblem):
    """The compressed file needs too much memory."""

    code = "needs-much-memory"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The compressed file needs more than {max_bytes:,} bytes of memory to be read.",
            "Compress it again with a smaller window: with zstd, without --long.",
        )


class UnusableArchive(FileProblem):
    """The zip archive does not contain exactly one file."""

    code = "unusable-archive"

    def __init__(self, names: Sequence[str], side_files: int = 0) -> None:
        """Take the names of the files in it, and how many a system added to them."""
        if names:
            more = len(names) - MAX_NAMES_LISTED
            listed = [_shown(name) for name in names[:MAX_NAMES_LISTED]]
            listed += [f"{more:,} more"] if more > 0 else []
            found = f"{len(names):,} files ({', '.join(listed[:-1])} and {listed[-1]})"
        elif side_files:
            found = "only files that macOS or Windows adds to an archive, and no data"
        else:
            found = "no file"
        super().__init__(f"The zip archive cannot be used: it contains {found}.", _ONE_FILE)


class ProtectedArchive(FileProblem):
    """The zip archive is protected by a password."""

    code = "protected-archive"

    def __init__(self) -> None:
        super().__init__(
            "The file in the zip archive is encrypted with a password, which we do not have.",
            "Pack it again without a password.",
        )


class UnusualZipMethod(FileProblem):
    """The file in the zip archive is compressed by an unusual method."""

    code = "unusual-zip-method"

    def __init__(self, method: str) -> None:
        """Take the method as zip programs name it."""
        usual = "Pack it again by Deflate, the usual method of zip programs, or with gzip or zstd."
        if method == "Deflate64":
            usual = (
                "Windows Explorer uses Deflate64 for files of more than 2 GB. Compress it with "
                "gzip or zstd, or with another zip program by the method Deflate."
            )
        super().__init__(
            f"The file in the zip archive is compressed by {method}, which is not supported.", usual
        )


class TooManyMembers(FileProblem):
    """The zip archive lists too many files."""

    code = "too-many-members"

    def __init__(self, listed: int | None, limit: int) -> None:
        """Take how many files the archive says it lists, if that is known and more than `limit`."""
        found = f"{listed:,} files" if listed and listed > limit else "too many files"
        super().__init__(
            f"The zip archive cannot be used: it lists {found}, so it was not opened.", _ONE_FILE
        )


class RepeatsItself(FileProblem):
    """The compressed file repeats the same rows."""

    code = "repeats-itself"

    def __init__(self) -> None:
        """Name no line: the file was not read to its end."""
        super().__init__(
            "The compressed file consists of a few rows that are repeated over and over; it was "
            "not read to its end.",
            "Look for what repeats rows in your export, such as a join that lacks a condition.",
        )


class ExpandsTooFar(FileProblem):
    """The compressed file expands too far."""

    code = "expands-too-far"

    def __init__(self, max_bytes: int, max_ratio: int) -> None:
        super().__init__(
            f"The compressed file expands to more than {max_bytes:,} bytes, or to more than "
            f"{max_ratio:,} times its size.",
            "Upload it uncompressed. If it is too large then, contact us.",
        )


def _shown(name: str) -> str:
    """Return a name from an archive, which may be anything, as a short text on one line."""
    text = "".join(
        letter if letter.isprintable() and letter != "`" else "\N{REPLACEMENT CHARACTER}"
        for letter in name
    )
    if len(text) > MAX_NAME_CHARACTERS:
        half = MAX_NAME_CHARACTERS // 2
        text = f"{text[:half]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"
    return f"`{text}`"
