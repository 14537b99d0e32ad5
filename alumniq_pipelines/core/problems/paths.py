"""What can be wrong with the paths that staff give."""

from alumniq_pipelines.core.problems.problem import SetupProblem


class UnusableFolderName(SetupProblem):
    """A folder has a name that databases cannot be opened by."""

    code = "unusable-folder-name"

    def __init__(self, characters: str) -> None:
        """Take the characters that a path must not have."""
        super().__init__(
            f"The path of a database folder contains one of the characters {characters} or is not "
            "UTF-8. A database in it would not open, or would open under another name.",
            "Set ALUMNIQ_DATA_DIR (for alumniq check: TMPDIR) to a folder with another name.",
        )


class OutputNotWritable(SetupProblem):
    """The output file cannot be written there."""

    code = "output-not-writable"

    def __init__(self, reason: str) -> None:
        """Take the operating system's reason."""
        super().__init__(
            f"The output file cannot be written: {reason}.",
            "Name a file in a folder that exists and that you may write to.",
        )
