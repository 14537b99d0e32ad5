"""Jobs: one per feed, for the runs that the load-request sensor requests."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,  # has no public name
)

from alumniq_pipelines.core.feeds.field_map import FieldMap
from alumniq_pipelines.defs.assets import feed_asset_key
from alumniq_pipelines.defs.freshness import freshness_key


def job_name(field_map: FieldMap) -> str:
    """Return the name of a feed's job."""
    return f"load_{field_map.asset_name}"


def feed_jobs(field_maps: Iterable[FieldMap]) -> list[UnresolvedAssetJobDefinition]:
    """Define the job of every feed."""
    return [
        dg.define_asset_job(
            job_name(field_map),
            # Freshness depends on the time of day, not on a load.
            selection=dg.AssetSelection.assets(feed_asset_key(field_map))
            - dg.AssetSelection.checks(freshness_key(field_map)),
            description=f"Load a file of {field_map.title}. Webhooks start it.",
            tags={"alumniq/feed": field_map.name},
        )
        for field_map in field_maps
    ]
