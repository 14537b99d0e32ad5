"""The options of `alumniq check` that name other rows: those referred to, and those live now."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer

from alumniq_pipelines.checking.decompress import Limits
from alumniq_pipelines.checking.reference_rows import NO_REFERENCE_SOURCES, ReferenceSources
from alumniq_pipelines.checking.reference_sources import (
    FileReferences,
    LiveReferences,
    ReferencedFile,
)
from alumniq_pipelines.cli.installation import feed_of, ledger_of, operator
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.publication import terms_of
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.services.file_check import LiveTarget
from alumniq_pipelines.settings import Settings


@contextmanager
def references_for(
    field_map: FieldMap,
    against: Sequence[str],
    live: LiveTarget | None,
    settings: Settings,
    limits: Limits,
) -> Iterator[ReferenceSources]:
    """Yield the rows to refer to that `--against` and `--live` name; raises typer.BadParameter."""
    with tempfile.TemporaryDirectory(prefix="alumniq-references-") as scratch:
        folder = Path(scratch)
        others: ReferenceSources = NO_REFERENCE_SOURCES
        if live:
            others = LiveReferences(live.warehouse, live.target, folder / "live")
        files = dict(_file_reference(option, field_map, settings) for option in against)
        yield FileReferences(files, folder, limits, others) if files else others


def live_target_of(field_map: FieldMap, live: str, settings: Settings) -> LiveTarget:
    """Return the target that `--live` names, with its terms and baseline.

    What customers have live is compared from here on, so the audit trail records it first. Raises
    typer.BadParameter.
    """
    from alumniq_pipelines.warehouse_wiring import open_warehouse

    try:
        target = Target.from_partition_key(live, field_map.name)
    except ValueError:
        message = f"--live {live}: use CUSTOMER.ENVIRONMENT, such as iqu.production."
        raise typer.BadParameter(message) from None
    with ledger_of(settings) as ledger:
        now = datetime.now(UTC)
        ledger.audit.add(operator(), "live rows compared", str(target), now)
        return LiveTarget(
            warehouse=open_warehouse(settings),
            target=target,
            terms=terms_of(field_map, ledger.customers.subscription(target)),
            baseline=ledger.versions.baseline(target, now),
        )


def _file_reference(
    against: str, field_map: FieldMap, settings: Settings
) -> tuple[str, ReferencedFile]:
    feed, _, name = against.partition("=")
    referred = {key.reference.resource for key in field_map.table_schema.foreign_keys}
    referred -= {"", field_map.name}
    if feed not in referred:
        known = ", ".join(sorted(referred)) or "none"
        message = f"--against {against}: {field_map.name} refers to these feeds: {known}."
        raise typer.BadParameter(message)
    path = Path(name)
    if not path.is_file():
        message = f"--against {against}: file not found. Use FEED=FILE."
        raise typer.BadParameter(message)
    return feed, ReferencedFile(path, feed_of(settings, feed))
