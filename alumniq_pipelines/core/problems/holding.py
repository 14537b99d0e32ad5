"""What can go wrong with a held load, a decision on one, or the repetition of a load."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.file import FileProblem
from alumniq_pipelines.core.problems.live_data import LiveData, live_sentence
from alumniq_pipelines.core.problems.problem import OutageProblem, SenderProblem, SetupProblem
from alumniq_pipelines.core.shell import alumniq_command

NOTHING_TO_DO = (
    "You do not need to do anything. If this file is the newer one, call the webhook again."
)
"""The advice to a customer whose file was overtaken by one that was accepted later."""


def _unusual(reasons: Sequence[str]) -> str:
    return f"The file would change your data in an unusual way ({' '.join(reasons)})"


class HoldDiscarded(SenderProblem):
    """The load was discarded by our staff."""

    code = "hold-discarded"

    def __init__(self, reasons: Sequence[str], reason: str, live: LiveData) -> None:
        """Take why it was held, and the reason that staff gave."""
        super().__init__(
            f"{_unusual(reasons)}, and our staff discarded it: {reason.rstrip('.')}.",
            f"{live_sentence(live)} Fix the file, upload it again and call the webhook again.",
        )


class HoldExpired(SetupProblem):
    """The load was not approved in time."""

    code = "hold-expired"

    def __init__(self, reasons: Sequence[str], days: int, live: LiveData) -> None:
        """Take why it was held, and for how long."""
        super().__init__(
            f"{_unusual(reasons)} and was not approved within {days} days.",
            f"{live_sentence(live)} If the change is right, contact us and call the webhook again.",
        )


class HoldSuperseded(SenderProblem):
    """The data of a later file went live."""

    code = "hold-superseded"

    def __init__(self, reasons: Sequence[str]) -> None:
        """Take why it was held."""
        super().__init__(
            # In the past: it is recorded, and a rollback may follow.
            f"{_unusual(reasons)} and was awaiting approval; meanwhile the data of a file that was "
            "sent later went live.",
            NOTHING_TO_DO,
        )


class LaterFileLoaded(SetupProblem):
    """The data of a file that was accepted later went live before."""

    code = "later-file-loaded"

    def __init__(self) -> None:
        super().__init__(
            "The data of a file that was accepted later went live before, so this one was not "
            "loaded.",
            NOTHING_TO_DO,
        )


class WouldBeHeld(SenderProblem):
    """A load of the file would be held for approval."""

    code = "would-be-held"

    def __init__(self) -> None:
        """Take no reasons: they are errors of their own, one by one."""
        super().__init__(
            "A load of this file would be held for approval.",
            "If these changes are correct, you can load the file: our staff will then decide, and "
            "it helps if you let us know. If they are not, fix this in your source system.",
        )


class HeldRowsGone(OutageProblem):
    """The held rows are missing or damaged."""

    code = "held-rows-gone"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"The held rows of the load {job_id} are missing or damaged.",
            f"Repeat the load from its archived file: {alumniq_command('load', 'repeat', job_id)}.",
        )


class NotHeld(SetupProblem):
    """The load is not awaiting approval."""

    code = "not-held"

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(
            f"The load {job_id} is {state}; only a held load can be approved or discarded.",
            "List the held loads: alumniq load list --state held.",
        )


class LaterLoadPublished(SetupProblem):
    """A load accepted later has been published."""

    code = "later-load-published"

    def __init__(self, job_id: str, later: str) -> None:
        super().__init__(
            f"The load {job_id} can no longer be published: {later}, which was accepted later, "
            "has been published.",
            "You do not need to do anything: the load ends by itself.",
        )


class ReasonMissing(SetupProblem):
    """No reason was given."""

    code = "reason-missing"

    def __init__(self) -> None:
        super().__init__(
            "A decision needs a reason: it is recorded, and the customer of a discarded load "
            "reads it.",
            'Give a reason (on the command line: --reason "...").',
        )


class UnusableThreshold(SetupProblem):
    """The threshold is not valid."""

    code = "unusable-threshold"

    def __init__(self, limit: str) -> None:
        super().__init__(
            f"{limit!r} is not a threshold.",
            "Write removed=25%, added=5000, changed=never, fill=20 or fill.COLUMN=20; percentages "
            "and points go up to 100.",
        )


class NothingArchived(SetupProblem):
    """The load read no file that could be loaded again."""

    code = "nothing-archived"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"The load {job_id} read no file, so there is none to load again.",
            "Load a file that is in the bucket: materialize the partition in Dagster.",
        )


class ArchivedFileGone(FileProblem):
    """The archived file is no longer stored."""

    code = "archived-file-gone"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"The file of the load {job_id} is no longer stored.",
            "Upload it again and call the webhook again.",
        )
