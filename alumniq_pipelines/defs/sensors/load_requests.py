"""The load-request sensor: requests a run for every queued load."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,  # has no public name
)

from alumniq_pipelines.adapters.field_maps import FieldMapFolder
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.reconciliation import run_key, should_request_run
from alumniq_pipelines.core.problems.outage import FieldMapsNotSaved
from alumniq_pipelines.defs.jobs import job_name
from alumniq_pipelines.defs.partitions import missing_partitions
from alumniq_pipelines.defs.sensors.polling import poll_until_found
from alumniq_pipelines.defs.tags import tags_of
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import save_field_maps

MAX_RUNS_PER_TICK = 50
"""Creating a run takes some 50 ms, and a tick must be over well before its 60 seconds."""


def load_request_sensor(
    schemas: FieldMapFolder, jobs: Sequence[UnresolvedAssetJobDefinition], settings: Settings
) -> dg.SensorDefinition:
    """Define the sensor.

    Loads are selected by state, never by a cursor over ids, which commit out of order. If a tick
    dies after marking a load, the reconcile sensor queues the load again.
    """
    catalog = schemas.catalog

    @dg.sensor(
        name="load_requests",
        jobs=jobs,
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Requests a run for every accepted load, in order of acceptance.",
    )
    def load_requests(
        context: dg.SensorEvaluationContext, ledger: dg.ResourceParam[Ledger]
    ) -> dg.SensorResult:
        due = poll_until_found(
            lambda: [
                load
                for load in ledger.loads.queued()
                if should_request_run(load, datetime.now(UTC))
            ]
        )
        known = [load for load in due if load.target.feed in catalog.feeds][:MAX_RUNS_PER_TICK]
        if len(due) > len(known):
            context.log.info(
                "%s loads wait for the next tick or for their field map.", len(due) - len(known)
            )
        if known:
            _save_once(schemas, settings, context)
        partitions = missing_partitions((load.target for load in known), catalog, context.instance)
        requests = [
            dg.RunRequest(
                run_key=run_key(load),
                job_name=job_name(catalog.feed(load.target.feed)),
                partition_key=load.target.partition_key,
                tags=tags_of(load),
            )
            for load in known
            if ledger.loads.mark_requested(load.job_id, datetime.now(UTC))
        ]
        return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=partitions)

    return load_requests


def _save_once(
    schemas: FieldMapFolder, settings: Settings, context: dg.SensorEvaluationContext
) -> None:
    """Save copies of the field maps that have none.

    A run reads the folder again, and a file may be broken by then. Existing copies stay: other
    processes may have read and saved a newer version. A file that was deleted since the code
    location was loaded gets no copy.
    """
    folder = settings.schemas_dir
    existing = {
        feed: text for feed, text in schemas.good.items() if (folder / f"{feed}.yaml").exists()
    }
    try:
        save_field_maps(settings, existing, only_missing=True)
    except FieldMapsNotSaved as problem:
        context.log.warning(str(problem))
