"""What people read when something fails: the tree of all problems.

Problem
 ├─ SenderProblem   the sender can fix it; permanent, never retried
 │   ├─ RequestProblem   an API call or a page's form is wrong (request.py, api.py, page.py)
 │   └─ FileProblem      the delivered file is wrong (file.py, header.py, packing.py)
 ├─ SetupProblem    the sender cannot fix it, and trying again does not help: the installation, a
 │                  command, or an end that we chose; permanent, never retried
 └─ OutageProblem   something of ours is temporarily unavailable; transient, retried (outage.py)

A class is one failure: its docstring's first line is the title, `code` is stable and in kebab
case, `detail` says what happened and where, `advice` says what to do. No text ever contains a cell
value, a key or a secret. Add a class in this folder rather than a sentence elsewhere; then run
`make messages`, which writes docs/messages.md.
"""

from typing import ClassVar


class Problem(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "problem"

    def __init__(self, detail: str, advice: str = "") -> None:
        """Keep the two sentences apart: pages, mails and terminals lay them out differently."""
        super().__init__(detail)
        self.detail = detail
        self.advice = advice

    @property
    def title(self) -> str:
        """Return the kind of failure: the first line of the class's docstring, less its stop."""
        return (type(self).__doc__ or "").strip().splitlines()[0].rstrip(".")

    def __str__(self) -> str:
        """Return detail, then advice."""
        return f"{self.detail} {self.advice}".strip()


class SenderProblem(Problem):
    """The sender can fix this."""

    code = "sender"


class SetupProblem(Problem):
    """Something on our side has to be changed."""

    code = "setup"


class OutageProblem(Problem):
    """The service is temporarily unavailable."""

    code = "outage"


def cause_for_staff(problem: Problem) -> Problem:
    """Return the set-up problem that an outage was raised from, or the problem itself.

    Customers read of the outage only; staff read what they have to change.
    """
    cause = problem.__cause__
    return cause if isinstance(cause, SetupProblem) else problem
