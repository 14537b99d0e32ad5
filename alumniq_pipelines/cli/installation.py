"""What a command needs of this installation: the ledger, the field maps, the operator's name."""

import getpass
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from alumniq_pipelines.adapters.ledger.ledger import Ledger
    from alumniq_pipelines.core.feeds.catalog import Catalog
    from alumniq_pipelines.core.feeds.field_map import FieldMap
    from alumniq_pipelines.settings import Settings

LAST_GOOD = "the last good version is in force"
SEE_FAULTS = "To see what is wrong, run: alumniq feed check"


@contextmanager
def ledger_of(settings: "Settings") -> Iterator["Ledger"]:
    """Yield the ledger with its tables up to date, and close it at the end.

    Those of an SQLite file are upgraded; several hosts share those of PostgreSQL, which only
    `alumniq migrate` changes. Raises ForeignRevision.
    """
    from alumniq_pipelines.adapters.ledger.ledger import Ledger

    with closing(Ledger.open(settings.ledger)) as ledger:
        if ledger.database.path is None:
            ledger.check_revision()
        else:
            ledger.migrate()
        yield ledger


def catalog_of(settings: "Settings") -> "Catalog":
    """Return the field maps in force, with a warning on stderr for each broken one.

    Raises FieldMapsMissing and FieldMapProblem if there are none at all.
    """
    from alumniq_pipelines.wiring import read_schemas

    catalog = read_schemas(settings).catalog
    for feed in catalog.broken:
        state = "the feed is disabled" if feed in catalog.disabled else LAST_GOOD
        typer.echo(f"Warning: the field map of {feed} is broken; {state}.", err=True)
    if catalog.broken:
        typer.echo(SEE_FAULTS, err=True)
    return catalog


def feed_of(settings: "Settings", feed: str) -> "FieldMap":
    """Return a feed's field map in force; raises UnknownFeed and FeedDisabled.

    Warns on stderr if this field map is broken; faults of other field maps do not matter here.
    """
    from alumniq_pipelines.wiring import read_schemas

    catalog = read_schemas(settings).catalog
    field_map = catalog.feed(feed)
    if feed in catalog.broken:
        typer.echo(
            f"Warning: the field map of {feed} is broken; {LAST_GOOD}. {SEE_FAULTS}", err=True
        )
    return field_map


def known_feed(settings: "Settings", feed: str) -> str:
    """Return the name of a feed that exists, disabled or not; raises UnknownFeed."""
    from alumniq_pipelines.wiring import read_schemas

    return read_schemas(settings).catalog.known(feed)


def operator() -> str:
    """Return the name of the user who runs the command, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number and no name
        return f"uid {os.getuid()}"
