"""This installation, for the time of a command: ledger, field maps, and who is at the keyboard."""

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


@contextmanager
def ledger_of(settings: "Settings") -> Iterator["Ledger"]:
    """Open the ledger, bring its tables up to date, and close it at the end."""
    from alumniq_pipelines.adapters.ledger.ledger import Ledger

    with closing(Ledger.open(settings.ledger)) as ledger:
        ledger.migrate()
        yield ledger


def catalog_of(settings: "Settings") -> "Catalog":
    """Read the field maps in force, and warn of the others on stderr.

    Raises FieldMapsMissing and FieldMapProblem where there are none at all.
    """
    from alumniq_pipelines.wiring import read_schemas

    catalog = read_schemas(settings).catalog
    for feed in catalog.broken:
        follows = "it is disabled" if feed in catalog.disabled else "the last good one is in force"
        typer.echo(f"Warning: the field map of {feed} is broken, and {follows}.", err=True)
    if catalog.broken:
        typer.echo("See what is wrong: alumniq feed check.", err=True)
    return catalog


def feed_of(settings: "Settings", feed: str) -> "FieldMap":
    """Find a feed's field map in force; raises UnknownFeed and FeedDisabled.

    Only what is wrong with this one is worth a warning.
    """
    from alumniq_pipelines.wiring import read_schemas

    catalog = read_schemas(settings).catalog
    field_map = catalog.feed(feed)
    if feed in catalog.broken:
        typer.echo(
            f"Warning: the field map of {feed} is broken, and the last good one is in force. See "
            "what is wrong: alumniq feed check.",
            err=True,
        )
    return field_map


def known_feed(settings: "Settings", feed: str) -> str:
    """Check that there is a feed of this name, disabled or not; raises UnknownFeed."""
    from alumniq_pipelines.wiring import read_schemas

    return read_schemas(settings).catalog.known(feed)


def operator() -> str:
    """Name who is at the keyboard, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        return f"uid {os.getuid()}"
