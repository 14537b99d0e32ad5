"""The monitoring sensor: detects missed deliveries and other incidents, and notifies staff once.

Its name in Dagster stays `silence`: under a new name it would lose its cursor and its tick history,
and would run again where staff had stopped it.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.feeds.catalog import BrokenFieldMap, Catalog
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.core.problems.outage import FieldMapsNotSaved
from alumniq_pipelines.core.problems.problem import SetupProblem
from alumniq_pipelines.defs.freshness import freshness, freshness_digest, missed_partitions
from alumniq_pipelines.services.monitor import run_monitoring
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import (
    read_schemas,
    remove_retired_field_maps,
    save_field_maps,
    staff_of,
)


def monitoring_sensor(catalog: Catalog, settings: Settings) -> dg.SensorDefinition:
    """Define the sensor.

    Its cursor is a digest of the missed partitions that it last reported of each feed: Dagster
    stores the cursor with every tick, so it does not list them.
    """

    @dg.sensor(
        name="silence",
        minimum_interval_seconds=settings.monitor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Detects missed deliveries, loads that do not end, an unavailable bucket or a stuck "
            "queue, broken field maps and undeliverable notifications. Notifies staff when an "
            "incident starts and when it is over. Reports the freshness of feeds."
        ),
    )
    def monitoring(
        context: dg.SensorEvaluationContext,
        ledger: dg.ResourceParam[Ledger],
        buckets: dg.ResourceParam[Buckets],
    ) -> dg.SensorResult:
        current = _read_current_catalog(catalog, settings, context)
        summary = run_monitoring(ledger, buckets, current, staff_of(settings), datetime.now(UTC))
        ledger.ticks.record("silence", datetime.now(UTC))
        before: Mapping[str, object] = json.loads(context.cursor or "{}")
        missed = missed_partitions(summary.statuses)
        now = {feed: freshness_digest(partitions) for feed, partitions in missed.items()}
        changed = [
            field_map
            for field_map in catalog
            if field_map.name in now and now[field_map.name] != before.get(field_map.name)
        ]
        return dg.SensorResult(
            skip_reason=(
                f"{len(summary.statuses)} watches; incidents: {summary.opened} opened, "
                f"{summary.notified} notified, {summary.closed} closed.{_broken_text(current)}"
            ),
            cursor=json.dumps(now),
            asset_events=[
                freshness(
                    field_map,
                    [status for status in summary.statuses if status.target.feed == field_map.name],
                )
                for field_map in changed
            ],
        )

    return monitoring


def _read_current_catalog(
    loaded: Catalog, settings: Settings, context: dg.SensorEvaluationContext
) -> Catalog:
    """Read the current field maps, save copies of the good ones, and remove those of deleted ones.

    A field map that was broken when the code location was loaded counts as broken until it is
    loaded again, since assets and jobs are defined by it.
    """
    try:
        found = read_schemas(settings)
    except SetupProblem as problem:
        # The folder itself is unreadable: everything else is still monitored.
        faults = (problem.detail.rstrip("."),)
        broken = {
            feed: BrokenFieldMap(feed=feed, faults=faults, jobs=frozenset())
            for feed in loaded.feeds
        }
        return replace(loaded, broken={**loaded.broken, **broken})
    try:
        save_field_maps(settings, found.good)
        remove_retired_field_maps(settings, found)
    except FieldMapsNotSaved as problem:
        context.log.warning(str(problem))
    return replace(found.catalog, broken={**loaded.broken, **found.catalog.broken})


def _broken_text(catalog: Catalog) -> str:
    """Return the broken field maps for the tick's message, with the state of each feed."""
    states = [
        f"{feed} ({'disabled' if feed in catalog.disabled else 'last good version in force'})"
        for feed in catalog.broken
    ]
    return f" Broken field maps: {', '.join(states)}." if states else ""
