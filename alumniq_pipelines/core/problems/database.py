"""What can be wrong with a PostgreSQL database that we are given: for staff, permanent.

Each of these stays until somebody changes the database, its server or our settings, so no load is
tried again for it. A database that is merely away is an outage (outage.py).
"""

from collections.abc import Sequence
from typing import Literal

from alumniq_pipelines.core.problems.problem import SetupProblem

DatabasePart = Literal["ledger", "warehouse"]


def _setting(part: DatabasePart) -> str:
    return f"ALUMNIQ_{part.upper()}_URL"


class DatabaseProblem(SetupProblem):
    """The database is not set up as it must be."""

    code = "database"


class DatabaseEncoding(DatabaseProblem):
    """The database has the wrong encoding."""

    code = "database-encoding"

    def __init__(self, part: DatabasePart, encoding: str) -> None:
        """An encoding cannot be changed: the fix is another database."""
        super().__init__(
            f"The database of the {part} has the encoding {encoding}; it must be UTF8.",
            "Create another one (create database NAME encoding 'UTF8' template template0), copy "
            f"the data there with pg_dump and pg_restore, and name it in {_setting(part)}.",
        )


class DatabaseReadOnly(DatabaseProblem):
    """The database cannot be written."""

    code = "database-read-only"

    def __init__(self, part: DatabasePart, *, is_standby: bool) -> None:
        if is_standby:
            super().__init__(
                f"The database of the {part} cannot be written: its server is a standby.",
                f"Name the primary server in {_setting(part)}. If it names several servers, add "
                "target_session_attrs=read-write, which chooses the primary.",
            )
            return
        super().__init__(
            f"The database of the {part} cannot be written: its transactions are read-only.",
            "Set default_transaction_read_only to off for the server, the database and the role. "
            "Some hosting providers set it when the disk is full.",
        )


class DatabasePrivilege(DatabaseProblem):
    """A privilege in the database is missing."""

    code = "database-privilege"

    def __init__(self, part: DatabasePart, role: str, statements: Sequence[str]) -> None:
        """Take the statements that grant it."""
        super().__init__(
            f"The role {role} lacks a privilege in the database of the {part}.",
            f"Have the owner of the database run this: {' '.join(statements)} The schemas and "
            "tables of this system must belong to that role.",
        )


class DatabaseFull(DatabaseProblem):
    """The database has no space left."""

    code = "database-full"

    def __init__(self, part: DatabasePart) -> None:
        super().__init__(
            f"The database of the {part} has no space left: its disk is full, or a quota is used "
            "up.",
            "Free space on its server, or raise the quota.",
        )


class DatabaseSchemaMissing(DatabaseProblem):
    """A schema is missing in the database."""

    code = "database-schema-missing"

    def __init__(self, part: DatabasePart, schema: str, statements: Sequence[str]) -> None:
        """Take the statements that create it: without the right to use it, a schema is missing."""
        super().__init__(
            f"The database of the {part} has no schema {schema} that we may use.",
            f"Have the owner of the database run this: {' '.join(statements)}",
        )


class DatabaseExtensionMissing(DatabaseProblem):
    """An extension is missing in the database."""

    code = "database-extension-missing"

    def __init__(self, part: DatabasePart, extension: str) -> None:
        super().__init__(
            f"The database of the {part} lacks the extension {extension}.",
            f"Have the owner of the database run this: create extension {extension};",
        )


class LedgerInOtherSchema(DatabaseProblem):
    """The ledger's tables are in another schema."""

    code = "ledger-in-other-schema"

    def __init__(self, found: str, option: str) -> None:
        """Take the option that names it; a role's search_path does not count any more."""
        super().__init__(
            f"The ledger's tables are in the schema {found} of the database, and not in "
            "public, where they are looked for.",
            f"If they are this installation's, add {option} to ALUMNIQ_LEDGER_URL, after a ? or, "
            "if it has one already, after an & (the search_path of a role or a database does not "
            "count). "
            "Otherwise name a database of its own.",
        )
