"""The load-request sensor: requests runs for the loads that are next in the ledger's queue."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,  # has no public name
)

from alumniq_pipelines.adapters.field_maps import FieldMapFolder
from alumniq_pipelines.core.feeds.catalog import Catalog
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.core.loads.reconciliation import run_key
from alumniq_pipelines.core.problems.outage import FieldMapsNotSaved
from alumniq_pipelines.defs.jobs import job_name
from alumniq_pipelines.defs.partitions import missing_partitions
from alumniq_pipelines.defs.resources import open_ledger
from alumniq_pipelines.defs.sensors.polling import poll_until_found
from alumniq_pipelines.defs.tags import tags_of
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import save_field_maps


def load_request_sensor(
    schemas: FieldMapFolder, jobs: Sequence[UnresolvedAssetJobDefinition], settings: Settings
) -> dg.SensorDefinition:
    """Define the sensor.

    The ledger is the queue: Dagster's own holds only what may run next. Loads are selected by
    state, never by a cursor over ids, which commit out of order. If a tick dies after requesting a
    run, the reconcile sensor queues the load again.
    """
    catalog = schemas.catalog

    @dg.sensor(
        name="load_requests",
        jobs=jobs,
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Requests runs for the loads that are next: one of each table at a time, in order of "
            "acceptance, production before QA, in turn by customer."
        ),
    )
    def load_requests(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        requests = []
        with open_ledger(settings) as ledger:
            loads = poll_until_found(
                ledger,
                lambda: ledger.queue.next_loads(
                    catalog.feeds, settings.max_outstanding, datetime.now(UTC)
                ),
            )
            ledger.ticks.record("load_requests", datetime.now(UTC))
            if not loads:
                return dg.SensorResult()
            _save_once(schemas, settings, context)
            targets = [load.target for load in loads]
            partitions = missing_partitions(targets, catalog, context.instance)
            for load in loads:
                launch = ledger.queue.request(load, datetime.now(UTC))
                if launch is not None:
                    requests.append(_run_request(load, launch, catalog))
        return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=partitions)

    return load_requests


def _run_request(load: Load, launch: int, catalog: Catalog) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=run_key(load, launch),
        job_name=job_name(catalog.feed(load.target.feed)),
        partition_key=load.target.partition_key,
        tags=tags_of(load, launch),
    )


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
