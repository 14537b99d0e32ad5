"""The asset event that records a rollback to another version."""

import dagster as dg

from alumniq_pipelines.adapters.ledger.audit import AuditEntry
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.defs.assets import asset_key_of


def rollback_event(entry: AuditEntry) -> dg.AssetObservation | None:
    """Return the event for a rollback in the audit trail.

    None for one of an earlier release, which reported it to Dagster by itself.
    """
    detail = entry.detail
    if "rows" not in detail:
        return None
    target = Target.parse(entry.subject)
    return dg.AssetObservation(
        asset_key=asset_key_of(target.feed),
        partition=target.partition_key,
        description=f"Version {detail['to']} was made live instead of version {detail['from']}.",
        metadata={
            "version": dg.MetadataValue.int(int(detail["to"])),
            "previous version": dg.MetadataValue.int(int(detail["from"])),
            "rolled back at": dg.MetadataValue.timestamp(entry.at),
            "dagster/row_count": dg.MetadataValue.int(int(detail["rows"])),
            "dagster/relation_identifier": dg.MetadataValue.text(str(detail["relation"])),
            "job id": dg.MetadataValue.text(str(detail["job_id"])),
        },
    )
