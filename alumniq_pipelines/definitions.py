"""The Dagster code location, assembled in one place."""

from collections.abc import Mapping

import dagster as dg

from alumniq_pipelines.defs.assets import disabled_assets, feed_assets
from alumniq_pipelines.defs.freshness import freshness_checks
from alumniq_pipelines.defs.jobs import feed_jobs
from alumniq_pipelines.defs.resources import resources
from alumniq_pipelines.defs.sensors.api_key_expiry import key_sensor
from alumniq_pipelines.defs.sensors.heartbeat import heartbeat_sensor
from alumniq_pipelines.defs.sensors.holds import archive_sensor, hold_sensor
from alumniq_pipelines.defs.sensors.load_requests import load_request_sensor
from alumniq_pipelines.defs.sensors.monitor import monitoring_sensor
from alumniq_pipelines.defs.sensors.notifications import notification_sensor
from alumniq_pipelines.defs.sensors.partitions import partition_sensor
from alumniq_pipelines.defs.sensors.reconcile import reconcile_sensor
from alumniq_pipelines.defs.sensors.retention import retention_sensor
from alumniq_pipelines.defs.sensors.s3_key_rotation import s3_key_sensor
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import read_schemas


def build_definitions(
    settings: Settings, overrides: Mapping[str, object] | None = None
) -> dg.Definitions:
    """Build the code location; `overrides` replace resources by name.

    Raises FieldMapsMissing and FieldMapProblem if there are no field maps at all.
    """
    schemas = read_schemas(settings)
    catalog = schemas.catalog
    jobs = feed_jobs(catalog)
    return dg.Definitions(
        assets=[*feed_assets(catalog, settings), *disabled_assets(catalog)],
        jobs=jobs,
        sensors=[
            load_request_sensor(schemas, jobs, settings),
            notification_sensor(settings),
            reconcile_sensor(catalog, settings),
            partition_sensor(catalog),
            hold_sensor(settings),
            archive_sensor(settings),
            monitoring_sensor(catalog, settings),
            heartbeat_sensor(settings),
            retention_sensor(settings),
            key_sensor(settings),
            s3_key_sensor(settings),
        ],
        asset_checks=freshness_checks(catalog),
        resources={**resources(settings), **(overrides or {})},
        executor=dg.in_process_executor,
    )


defs = build_definitions(Settings())
