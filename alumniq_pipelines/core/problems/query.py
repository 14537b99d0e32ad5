"""What keeps a query of staff from running, apart from its text: for staff, permanent."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.problem import SetupProblem


class QueryTooSlow(SetupProblem):
    """The query took too long."""

    code = "query-too-slow"

    def __init__(self, seconds: float) -> None:
        """Name the limit and where it is set."""
        super().__init__(
            f"The query was stopped: it took longer than {seconds:g} seconds.",
            "Read fewer rows, or allow more time: ALUMNIQ_QUERY_SECONDS.",
        )


class NoReaderRole(SetupProblem):
    """The role that queries run as cannot be made."""

    code = "no-reader-role"

    def __init__(self, role: str, reason: str, statements: Sequence[str]) -> None:
        """Take the database's reason, which holds names only, and what makes the role by hand."""
        super().__init__(
            f"The database role {role}, which may read this environment and nothing else, "
            f"cannot be prepared: {reason.rstrip('.')}.",
            "Let a superuser of the database run once: " + " ".join(statements),
        )


class ReaderRoleTooPowerful(SetupProblem):
    """The role that queries run as can do more than read."""

    code = "reader-role-too-powerful"

    def __init__(self, role: str) -> None:
        """Say how to make it what it was."""
        super().__init__(
            f"The database role {role} may do more than read this environment, so no query runs "
            "as it.",
            "Take its attributes and memberships from it: "
            f"alter role {role} nosuperuser nocreatedb nocreaterole nologin noreplication "
            "nobypassrls, and revoke the roles that it is a member of.",
        )
