"""An event of the asset where a person let readers see another version."""

import dagster as dg

from alumniq_pipelines.core.field_map import FieldMap
from alumniq_pipelines.core.warehouse import Version
from alumniq_pipelines.defs.assets import feed_key


def report_move(
    instance: dg.DagsterInstance, field_map: FieldMap, live: Version, before: int
) -> None:
    """Report to Dagster that a version is live again."""
    observation = dg.AssetObservation(
        asset_key=feed_key(field_map),
        partition=live.target.partition_key,
        description=f"Readers were moved from version {before} to version {live.number}.",
        metadata={
            "version": dg.MetadataValue.int(live.number),
            "version before": dg.MetadataValue.int(before),
            "dagster/row_count": dg.MetadataValue.int(live.rows),
            "dagster/relation_identifier": dg.MetadataValue.text(live.relation),
            "job id": dg.MetadataValue.text(live.job_id),
        },
    )
    instance.report_runless_asset_event(observation)
