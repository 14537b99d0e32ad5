"""The check whether ledger, warehouse, archive and Dagster agree, and its repair."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from alumniq_pipelines.cli.installation_check.check import CheckContext, Finding

if TYPE_CHECKING:
    from alumniq_pipelines.adapters.ledger.ledger import Ledger
    from alumniq_pipelines.services.ledger_check import LedgerCheck
    from alumniq_pipelines.settings import Settings

AGREEMENT_SECONDS = 600.0
"""It reads the list of all archived files."""


def find_differences(context: CheckContext) -> Iterator[Finding]:
    """Compare the stores; only after one was restored should they differ."""
    comparison = open_comparison(context.settings, context.ledger)
    yield from map(Finding.of_difference, comparison.differences())


def open_comparison(settings: "Settings", ledger: "Ledger") -> "LedgerCheck":
    """Open what is compared."""
    from alumniq_pipelines.services.ledger_check import LedgerCheck
    from alumniq_pipelines.warehouse_wiring import open_warehouse
    from alumniq_pipelines.wiring import open_archive, staff_of

    return LedgerCheck(
        ledger=ledger,
        warehouse=open_warehouse(settings),
        archive=open_archive(settings),
        versions_kept=settings.versions_kept,
        gateway_url=settings.gateway_url,
        staff=staff_of(settings),
        runs=ledger.unknown_runs.all(),
    )
