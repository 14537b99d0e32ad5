"""The asset event that records a rollback to another version."""

import dagster as dg

from alumniq_pipelines.core.loads.warehouse import Version
from alumniq_pipelines.defs.assets import asset_key_of


def report_rollback(instance: dg.DagsterInstance, live: Version, before: int) -> None:
    """Report to Dagster that another version was made live."""
    observation = dg.AssetObservation(
        asset_key=asset_key_of(live.target.feed),
        partition=live.target.partition_key,
        description=f"Version {live.number} was made live instead of version {before}.",
        metadata={
            "version": dg.MetadataValue.int(live.number),
            "previous version": dg.MetadataValue.int(before),
            "dagster/row_count": dg.MetadataValue.int(live.rows),
            "dagster/relation_identifier": dg.MetadataValue.text(live.relation),
            "job id": dg.MetadataValue.text(live.job_id),
        },
    )
    instance.report_runless_asset_event(observation)
