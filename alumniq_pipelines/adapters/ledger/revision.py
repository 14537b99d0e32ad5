"""The revision of a ledger's tables, in Alembic's own table."""

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select

from alumniq_pipelines.adapters.ledger.tables import REVISION
from alumniq_pipelines.core.problems.backup import RestoreInterrupted
from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.problems.setup import ForeignRevision

RESTORING = "restoring"
"""The revision of a ledger that a restore has begun and not ended: nothing else may use it."""

_revisions = Table("alembic_version", MetaData(), Column("version_num", String(32)))
"""In a MetaData of its own so that migrations leave it alone."""


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database; None if it has none yet."""
    if not inspect(connection).has_table(_revisions.name):
        return None
    return connection.scalar(select(_revisions.c.version_num))


def foreign_revision(found: str | None) -> SetupProblem:
    """Return why a ledger of this revision, which is not ours, cannot be used."""
    return RestoreInterrupted() if found == RESTORING else ForeignRevision(found, REVISION)


def mark_as_restoring(connection: Connection) -> None:
    """Keep everybody from using a ledger, unless that is done already."""
    if revision_of(connection) is None:
        _revisions.create(connection)
        connection.execute(insert(_revisions).values(version_num=RESTORING))


def remove_mark(connection: Connection) -> None:
    """Let Alembic begin anew, in the transaction that restores the ledger."""
    _revisions.drop(connection)
