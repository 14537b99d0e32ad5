"""Jobs: one per feed, for the runs that the load-request sensor asks for."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,  # has no public name
)

from alumniq_pipelines.core.field_map import FieldMap


def job_name(field_map: FieldMap) -> str:
    """Name the job of a feed."""
    return f"load_{field_map.asset_name}"


def feed_jobs(field_maps: Iterable[FieldMap]) -> list[UnresolvedAssetJobDefinition]:
    """Define the job of every feed."""
    return [
        dg.define_asset_job(
            job_name(field_map),
            selection=dg.AssetSelection.assets(["feeds", field_map.asset_name]),
            description=f"Load a file of {field_map.title}. Webhooks start it; no need to do so.",
            tags={"alumniq/feed": field_map.name},
        )
        for field_map in field_maps
    ]
