"""What prevents a query of staff from running, apart from its text: for staff, permanent."""

from collections.abc import Sequence

from alumniq_pipelines.core.problems.problem import SetupProblem


class QueryTooSlow(SetupProblem):
    """The query took too long."""

    code = "query-too-slow"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The query was stopped: it took longer than {seconds:g} seconds.",
            "Read fewer rows, or allow more time: ALUMNIQ_QUERY_SECONDS.",
        )


class NoReaderRole(SetupProblem):
    """The role that queries run as cannot be created."""

    code = "no-reader-role"

    def __init__(self, role: str, reason: str, statements: Sequence[str]) -> None:
        """Take the database's reason, which has names only, and what creates the role by hand."""
        super().__init__(
            f"The database role {role}, which may read this environment and nothing else, "
            f"cannot be prepared: {reason.rstrip('.')}.",
            "Have a superuser of the database run this once: " + " ".join(statements),
        )


class ReaderRoleTooPowerful(SetupProblem):
    """The role that queries run as can do more than read."""

    code = "reader-role-too-powerful"

    def __init__(self, role: str) -> None:
        super().__init__(
            f"The database role {role} may do more than read this environment, so no query runs "
            "as this role.",
            "Take its attributes and memberships away: "
            f"alter role {role} nosuperuser nocreatedb nocreaterole nologin noreplication "
            "nobypassrls, and revoke the roles that it is a member of.",
        )
