"""What people are told when something fails: the tree that all problems hang in.

Problem
 ├─ SenderProblem   the customer can mend it; permanent, never retried
 │   ├─ RequestProblem   the webhook call itself is at fault (request.py)
 │   └─ FileProblem      the delivered file is at fault (file.py)
 ├─ SetupProblem    our configuration or command is at fault; for staff (setup.py, command.py)
 └─ OutageProblem   a part of ours is away; transient, retried (outage.py)

A class is one failure: its docstring's first line is the title, `code` is stable and in kebab
case, `detail` says what happened where, `advice` says what to do. No text ever holds a cell value,
a key or a secret. Add a class in this folder rather than a sentence elsewhere.
"""

from typing import ClassVar


class Problem(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "problem"

    def __init__(self, detail: str, advice: str = "") -> None:
        """Keep the two sentences apart, so that every reader can lay them out."""
        super().__init__(detail)
        self.detail = detail
        self.advice = advice

    @property
    def title(self) -> str:
        """Name the kind of failure: the first line of the class's docstring, less its full stop."""
        return (type(self).__doc__ or "").strip().splitlines()[0].rstrip(".")

    def __str__(self) -> str:
        """Read as detail, then advice."""
        return f"{self.detail} {self.advice}".strip()


class SenderProblem(Problem):
    """The sender can mend this."""

    code = "sender"


class SetupProblem(Problem):
    """The installation is set up wrongly."""

    code = "setup"


class OutageProblem(Problem):
    """A part of the service is away for the moment."""

    code = "outage"
