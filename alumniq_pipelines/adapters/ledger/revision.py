"""The revision of a ledger's tables, in Alembic's own table."""

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, insert, inspect, select

from alumniq_pipelines.adapters.ledger.host_tables import host_values
from alumniq_pipelines.adapters.ledger.tables import REVISION
from alumniq_pipelines.core.problems.backup import RestoreInterrupted
from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.core.problems.setup import ForeignRevision

RESTORING = "restoring"
"""The revision of a ledger that a restore has begun and not ended: nothing else may use it."""

USABLE_SINCE = "0017"
"""The earliest revision whose release may use the tables of this one, as during a rolling upgrade.

A migration that contracts raises it to the revision of the release that stopped using what is
dropped.
"""
USABLE_SINCE_NAME = "tables-usable-since"

_revisions = Table("alembic_version", MetaData(), Column("version_num", String(32)))
"""In a MetaData of its own so that migrations leave it alone."""


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database; None if it has none yet."""
    if not inspect(connection).has_table(_revisions.name):
        return None
    return connection.scalar(select(_revisions.c.version_num))


def is_usable(connection: Connection, found: str | None) -> bool:
    """Whether this release may use a ledger of the revision that was found in it.

    It may if the revision is its own, or that of a newer release whose migrations have only
    expanded the tables since: that release has recorded from which revision on they can be used.
    """
    if found == REVISION:
        return True
    if found is None or not found.isdecimal() or found < REVISION:
        return False
    recorded = select(host_values.c.value).where(host_values.c.name == USABLE_SINCE_NAME)
    since: str | None = connection.scalar(recorded)
    return since is not None and since <= REVISION


def record_usable_since(connection: Connection) -> None:
    """Record from which revision on a release may use the tables of this one."""
    connection.execute(delete(host_values).where(host_values.c.name == USABLE_SINCE_NAME))
    row = {"name": USABLE_SINCE_NAME, "value": USABLE_SINCE}
    connection.execute(insert(host_values).values(row))


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
