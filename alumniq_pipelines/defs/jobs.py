"""Jobs: one per feed, for the runs that the load-request sensor asks for."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,  # has no public name
)

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.defs.assets import feed_asset_key
from alumniq_pipelines.defs.freshness import freshness_key


def job_name(field_map: FieldMap) -> str:
    """Name the job of a feed."""
    return f"load_{field_map.asset_name}"


def feed_jobs(field_maps: Iterable[FieldMap]) -> list[UnresolvedAssetJobDefinition]:
    """Define the job of every feed."""
    return [
        dg.define_asset_job(
            job_name(field_map),
            # Freshness is judged by the clock: a load has no time to wait for it.
            selection=dg.AssetSelection.assets(feed_asset_key(field_map))
            - dg.AssetSelection.checks(freshness_key(field_map)),
            description=f"Load a file of {field_map.title}. Webhooks start it; no need to do so.",
            tags={"alumniq/feed": field_map.name},
        )
        for field_map in field_maps
    ]
