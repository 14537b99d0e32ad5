"""What can be wrong with the compression of a delivered file."""

from alumniq_pipelines.core.problems.file import FileProblem

_ONE_FILE = "Put exactly one file into it, without a password."


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
    """The zip archive does not contain exactly one readable file."""

    code = "unusable-archive"

    def __init__(self, members: int) -> None:
        """Count the files in it; where it is one, its packing is at fault."""
        found = (
            "its file is encrypted or compressed by an unusual method"
            if members == 1
            else f"it contains {members:,} files"
        )
        super().__init__(f"The zip archive cannot be used: {found}.", _ONE_FILE)


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
