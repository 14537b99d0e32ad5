"""The targets and numbers of a DuckDB warehouse, read from the names of its files.

It imports no DuckDB: the gateway reads the highest number before it accepts loads.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alumniq_pipelines.adapters.warehouse.folders import SUFFIX
from alumniq_pipelines.core.loads.target import CUSTOMER_PATTERN, Environment, Target
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable

NUMBERED = re.compile(r"\.?(\d{9,18})\..+")
"""The name of a version, of a link that replaced a retired one, or of what a publication left."""


def list_targets(folder: Path) -> Sequence[Target]:
    """Return the targets with a live version; raises WarehouseUnavailable."""
    environments = set(Environment)
    try:
        found = [
            feed.relative_to(folder).parts
            for feed in _feed_folders(folder)
            if (feed / f"live{SUFFIX}").exists()
        ]
    except OSError as error:
        raise WarehouseUnavailable(type(error).__name__) from None
    return [
        Target(customer, Environment(environment), feed)
        for customer, environment, feed in sorted(found)
        if CUSTOMER_PATTERN.fullmatch(customer) and environment in environments
    ]


def highest_number(folder: Path, target: Target | None = None) -> int:
    """Return the highest number in the names of a target's files, or of all targets; 0 if none.

    Raises WarehouseUnavailable.
    """
    feeds: Iterable[Path]
    if target is None:
        # `.catalogs` has numbers of its own.
        feeds = (feed for feed in _feed_folders(folder) if feed.name != ".catalogs")
    else:
        feeds = [folder / target.customer / target.environment / target.feed]
    try:
        numbered = (NUMBERED.fullmatch(file.name) for file in _entries(feeds))
        return max((int(found[1]) for found in numbered if found), default=0)
    except OSError as error:
        raise WarehouseUnavailable(type(error).__name__) from None


def _feed_folders(folder: Path) -> Iterator[Path]:
    return _entries(_entries(_entries([folder])))


def _entries(folders: Iterable[Path]) -> Iterator[Path]:
    """Yield what is in these folders. Unlike Path.glob, it passes over none that is unreadable."""
    for folder in folders:
        try:
            yield from folder.iterdir()
        except (FileNotFoundError, NotADirectoryError):
            continue
