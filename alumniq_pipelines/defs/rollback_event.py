"""An event of the asset where a person let readers see another version."""

import dagster as dg

from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.defs.assets import asset_key_of


def report_rollback(instance: dg.DagsterInstance, live: Version, before: int) -> None:
    """Report to Dagster that a version is live again."""
    observation = dg.AssetObservation(
        asset_key=asset_key_of(live.target.feed),
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
