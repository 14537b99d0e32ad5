"""Why a load that waited for a person, or a kept file, comes to nothing."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.file import FileProblem
from alumniq_pipelines.core.problems.live_data import LiveData, live_sentence
from alumniq_pipelines.core.problems.problem import OutageProblem, SenderProblem, SetupProblem


def _unusual(reasons: Sequence[str]) -> str:
    return f"The file would change an unusual part of your data ({' '.join(reasons)})"


class HoldDiscarded(SenderProblem):
    """The load was discarded by our staff."""

    code = "hold-discarded"

    def __init__(self, reasons: Sequence[str], reason: str, live: LiveData) -> None:
        """Take why it was held, the reason that staff gave, and what is live meanwhile."""
        super().__init__(
            f"{_unusual(reasons)}, and our staff discarded it: {reason.rstrip('.')}.",
            f"{live_sentence(live)} Fix the file, upload it again and call the webhook again.",
        )


class HoldExpired(OutageProblem):
    """The load waited for our staff in vain."""

    code = "hold-expired"

    def __init__(self, reasons: Sequence[str], days: int, live: LiveData) -> None:
        """Take why it was held, how long, and what is live meanwhile."""
        super().__init__(
            f"{_unusual(reasons)} and waited {days} days for our staff's consent, in vain.",
            f"{live_sentence(live)} Call the webhook again, or write to us.",
        )


class HoldSuperseded(SenderProblem):
    """A later file was loaded instead."""

    code = "hold-superseded"

    def __init__(self, reasons: Sequence[str]) -> None:
        """Take why it was held."""
        super().__init__(
            f"{_unusual(reasons)} and waited for our staff's consent; meanwhile a file that you "
            "sent later was loaded instead.",
            "Nothing is to be done.",
        )


class HeldRowsGone(OutageProblem):
    """The held rows are not there."""

    code = "held-rows-gone"

    def __init__(self, job_id: str) -> None:
        """Name the load."""
        super().__init__(
            f"The rows of the load {job_id} were kept and cannot be found unharmed.",
            "Repeat the load from its archived file: alumniq load repeat.",
        )


class NotHeld(SetupProblem):
    """The load waits for nobody."""

    code = "not-held"

    def __init__(self, job_id: str, state: str) -> None:
        """Say where it is instead."""
        super().__init__(
            f"The load {job_id} is {state}; only a held load can be decided on.",
            "List those that wait: alumniq load list --state held.",
        )


class LaterLoadPublished(SetupProblem):
    """A load accepted later has been published."""

    code = "later-load-published"

    def __init__(self, job_id: str, later: str) -> None:
        """Name both."""
        super().__init__(
            f"The load {job_id} cannot be published any more: {later}, accepted later, has been.",
            "It ends by itself; its customer is told.",
        )


class ReasonMissing(SetupProblem):
    """No reason is given."""

    code = "reason-missing"

    def __init__(self) -> None:
        """Say why there must be one."""
        super().__init__(
            "A decision needs a reason: it is kept, and the customer of a discarded load reads it.",
            'Give it: --reason "...".',
        )


class UnusableThreshold(SetupProblem):
    """The threshold cannot be read."""

    code = "unusable-threshold"

    def __init__(self, limit: str) -> None:
        """Repeat what was given, and how it should look."""
        super().__init__(
            f"{limit!r} is no threshold.",
            "Write removed=25%, added=5000 or changed=never; percentages go up to 100.",
        )


class NothingArchived(SetupProblem):
    """The load read no file that could be loaded again."""

    code = "nothing-archived"

    def __init__(self, job_id: str) -> None:
        """Name the load."""
        super().__init__(f"The load {job_id} received no file, so there is none to load again.")


class ArchivedFileGone(FileProblem):
    """The archived file is kept no longer."""

    code = "archived-file-gone"

    def __init__(self, job_id: str) -> None:
        """Name the load whose file it was."""
        super().__init__(
            f"The file of the load {job_id} is kept no longer.",
            "Upload it again and call the webhook again.",
        )
