"""What can be wrong with the packing of a delivered file."""

from alumniq_pipelines.core.problems.file import FileProblem


class DamagedArchive(FileProblem):
    """The compressed file is damaged."""

    code = "damaged-archive"

    def __init__(self, byte: int) -> None:
        """Say how far it was read."""
        super().__init__(
            f"The compressed file is damaged, or other data follows its end (read to byte "
            f"{byte:,}).",
            "Compress and upload it again, in binary mode.",
        )


class TruncatedArchive(FileProblem):
    """The compressed file ends too early."""

    code = "truncated-archive"

    def __init__(self) -> None:
        """Suspect the upload."""
        super().__init__(
            "The compressed file ends too early: its upload was probably cut off.",
            "Upload it again.",
        )


class NeedsMuchMemory(FileProblem):
    """The compressed file needs too much memory."""

    code = "needs-much-memory"

    def __init__(self, max_bytes: int) -> None:
        """Name the limit."""
        super().__init__(
            f"The compressed file needs more than {max_bytes:,} bytes of memory to be read.",
            "Compress it again with a smaller window, such as without --long.",
        )


class UnusableArchive(FileProblem):
    """The archive cannot be used."""

    code = "unusable-archive"

    def __init__(self, members: int) -> None:
        """Count the files in it; where it is one, its packing is at fault."""
        found = "its file is protected or packed in a rare way" if members == 1 else ""
        super().__init__(
            f"The zip archive cannot be used: {found or f'it holds {members:,} files'}.",
            "Put exactly one file into it, without a password.",
        )


class TooManyMembers(FileProblem):
    """The archive lists too many files."""

    code = "too-many-members"

    def __init__(self, listed: int | None, limit: int) -> None:
        """Take how many files the archive says it lists, if that is known and more than `limit`."""
        found = f"{listed:,} files" if listed and listed > limit else "too many files"
        super().__init__(
            f"The zip archive cannot be used: it lists {found}, and was not opened.",
            "Put exactly one file into it, without a password.",
        )


class RepeatsItself(FileProblem):
    """The compressed file repeats the same rows."""

    code = "repeats-itself"

    def __init__(self) -> None:
        """Say what was found; there is no line to point to, the file was not read to its end."""
        super().__init__(
            "The compressed file consists of a few rows that are repeated over and over; it was "
            "not read to its end.",
            "Look for what repeats in your export, such as a join that lacks a condition.",
        )


class ExpandsTooFar(FileProblem):
    """The compressed file expands too far."""

    code = "expands-too-far"

    def __init__(self, max_bytes: int, max_ratio: int) -> None:
        """Name the limits."""
        super().__init__(
            f"The compressed file expands to more than {max_bytes:,} bytes, or to more than "
            f"{max_ratio:,} times its size.",
            "Upload it uncompressed, or in parts.",
        )
