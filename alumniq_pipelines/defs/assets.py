"""Assets: one per feed, `feeds/<feed>`, partitioned by customer and environment."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from alumniq_pipelines.core.feeds.catalog import BrokenFieldMap, Catalog
from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.core.loads.load import MAX_ATTEMPTS
from alumniq_pipelines.defs.checks import check_specs
from alumniq_pipelines.defs.columns import column_schema
from alumniq_pipelines.defs.partitions import feed_partitions, partitions_of
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import staff_of

if TYPE_CHECKING:
    from alumniq_pipelines.services.load_context import LoadContext

FRESHNESS_POLICY = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=26), fail_window=timedelta(hours=50)
)
"""Feeds are refreshed daily, with two hours of grace; the ledger has the watches per customer."""

FEED_NAME = re.compile("[a-z][a-z0-9-]*")


class Reload(dg.Config):
    """The choices when a partition is materialized by hand."""

    filename: str | None = Field(
        default=None,
        description="A file in the customer's bucket. Empty: the file of the last accepted load.",
    )


def feed_asset_key(field_map: FieldMap) -> dg.AssetKey:
    """Return the key of a feed's asset."""
    return asset_key_of(field_map.name)


def asset_key_of(feed: str) -> dg.AssetKey:
    """Return the key of the asset of a feed, which may have no field map."""
    return dg.AssetKey(["feeds", feed.replace("-", "_")])


def feed_assets(catalog: Catalog, settings: Settings) -> list[dg.AssetsDefinition]:
    """Define an asset for every field map."""
    return [feed_asset(field_map, catalog, settings) for field_map in catalog]


def disabled_assets(catalog: Catalog) -> list[dg.AssetSpec]:
    """Define assets for disabled feeds, so that their history and the reason stay visible.

    A file whose name cannot be a feed's never had any history, and gets no asset.
    """
    return [
        dg.AssetSpec(
            asset_key_of(feed),
            description=f"**Disabled**\n\n{_broken_text(catalog.broken[feed])}",
            group_name="disabled",
            partitions_def=partitions_of(feed.replace("-", "_")),
            metadata={"field map errors": _faults(catalog.broken[feed])},
        )
        for feed in catalog.disabled
        if FEED_NAME.fullmatch(feed)
    ]


def feed_asset(field_map: FieldMap, catalog: Catalog, settings: Settings) -> dg.AssetsDefinition:
    """Define the asset of a feed.

    It is materialized when a load publishes a version. Its retry policy repeats attempts that
    failed through a fault of ours; a refused file shows failing checks and is not retried.
    """
    broken = catalog.broken.get(field_map.name)
    faults = {"field map errors": _faults(broken)} if broken else {}
    description = f"**{field_map.title}**\n\n{field_map.description}"
    if broken:
        description += f"\n\n{_broken_text(broken)} The last good version of it is in force."
    # For lineage only: the feeds that foreign keys refer to block no run.
    deps = [
        dg.AssetDep(
            feed_asset_key(catalog.feed(feed)), partition_mapping=dg.IdentityPartitionMapping()
        )
        for feed in sorted(catalog.parents(field_map))
    ]

    @dg.asset(
        key=feed_asset_key(field_map),
        description=description,
        group_name=f"wave_{field_map.alumniq.wave}",
        kinds={"csv", settings.warehouse},
        owners=list(field_map.alumniq.owners),
        partitions_def=feed_partitions(field_map),
        deps=deps,
        check_specs=check_specs(feed_asset_key(field_map)),
        freshness_policy=FRESHNESS_POLICY,
        metadata={"dagster/column_schema": column_schema(field_map), **faults},
        tags={"alumniq/job": field_map.alumniq.job},
        # Without jitter: the ledger has to know when the next attempt is due, for its customer.
        retry_policy=dg.RetryPolicy(
            max_retries=MAX_ATTEMPTS - 1,
            delay=settings.retry_seconds,
            backoff=dg.Backoff.EXPONENTIAL,
        ),
        required_resource_keys={"ledger", "buckets", "archive", "warehouse", "worker"},
        output_required=False,
    )
    def feed(
        context: dg.AssetExecutionContext, config: Reload
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None] | dg.Output[None]]:
        from alumniq_pipelines.defs.step import step_events

        yield from step_events(
            context, field_map, _load_context(context, settings), config.filename
        )

    return feed


def _load_context(context: dg.AssetExecutionContext, settings: Settings) -> "LoadContext":
    """Return the dependencies of a load attempt."""
    from alumniq_pipelines.checking.decompress import Limits
    from alumniq_pipelines.services.load_context import LoadContext

    resources = context.resources
    return LoadContext(
        ledger=resources.ledger,
        buckets=resources.buckets,
        warehouse=resources.warehouse,
        scratch=settings.scratch_dir,
        archive=resources.archive,
        clock=lambda: datetime.now(UTC),
        log=context.log,
        public_urls=settings.public_urls,
        hold_duration=timedelta(days=settings.hold_days),
        retry_wait=timedelta(seconds=settings.retry_seconds),
        staff=staff_of(settings),
        report_rows=settings.report_rows,
        limits=Limits(settings.max_expanded_bytes, settings.max_expansion_ratio),
    )


def _broken_text(broken: BrokenFieldMap) -> str:
    return f"The field map is broken: {'. '.join(broken.faults)}."


def _faults(broken: BrokenFieldMap) -> dg.MetadataValue:
    return dg.MetadataValue.text("\n".join(broken.faults))
