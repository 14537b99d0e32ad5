"""The targets and numbers of a DuckDB warehouse, read from the names of its files.

It imports no DuckDB: the gateway reads the highest number before it accepts loads.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from alumniq_pipelines.adapters.warehouse.folders import SUFFIX
from alumniq_pipelines.core.loads.target import CUSTOMER_PATTERN, Environment, Target
from alumniq_pipelines.core.problems.outage import WarehouseUnavailable

NUMBERED = re.compile(r"\.?(\d{9,})\..+")
"""The name of a version, of a link that replaced a retired one, or of what a publication left."""


def list_targets(folder: Path) -> Sequence[Target]:
    """Return the targets with a live version; raises WarehouseUnavailable."""
    environments = set(Environment)
    try:
        found = [
            link.parent.relative_to(folder).parts for link in folder.glob(f"*/*/*/live{SUFFIX}")
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
    pattern = "*/*/*" if target is None else f"{target.customer}/{target.environment}/{target.feed}"
    try:
        return max(_numbers(folder, pattern), default=0)
    except OSError as error:
        raise WarehouseUnavailable(type(error).__name__) from None


def _numbers(folder: Path, pattern: str) -> Iterator[int]:
    for file in folder.glob(f"{pattern}/*"):
        # `.catalogs` has numbers of its own.
        found = NUMBERED.fullmatch(file.name) if file.parent.name != ".catalogs" else None
        if found:
            yield int(found[1])
