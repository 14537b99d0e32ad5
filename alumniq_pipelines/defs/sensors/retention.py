"""The retention sensor: keeps the ledger and Dagster's storage from growing without end."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import dagster as dg

from alumniq_pipelines.adapters.ledger.expired_rows import ExpiredRows
from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.loads.warehouse import Warehouse
from alumniq_pipelines.settings import Settings

PART_SECONDS = 0.5
"""How long a tick deletes from the ledger, and how long from Dagster's storage."""
ROUND_INTERVAL = timedelta(hours=1)
"""From the end of a round, in which everything old is deleted, to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a round has come to: what is None is over."""

    target: str | None
    run: int | None
    next_round_at: datetime

    @classmethod
    def read(cls, cursor: str | None, now: datetime) -> Self:
        """Read the sensor's cursor; begin a round if one is due."""
        values: dict[str, Any] = json.loads(cursor or "{}")
        due = values.get("next_round_at")
        if due is None or datetime.fromisoformat(due) <= now:
            return cls(target="", run=0, next_round_at=now + ROUND_INTERVAL)
        return cls(
            target=values["target"],
            run=values["run"],
            next_round_at=datetime.fromisoformat(due),
        )

    @property
    def is_over(self) -> bool:
        """Whether everything old is deleted."""
        return self.target is None and self.run is None

    def to_json(self) -> str:
        """Return the cursor."""
        return json.dumps(
            {
                "target": self.target,
                "run": self.run,
                "next_round_at": self.next_round_at.isoformat(),
            }
        )


def retention_sensor(settings: Settings) -> dg.SensorDefinition:
    """Define the sensor; its cursor says how far the round has come."""

    @dg.sensor(
        name="retention",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Deletes old loads, incidents and audit entries from the ledger, and old runs and "
            "events from Dagster's storage. What is in use and the latest of each partition stay."
        ),
    )
    def retention(
        context: dg.SensorEvaluationContext,
        ledger: dg.ResourceParam[Ledger],
        warehouse: dg.ResourceParam[Warehouse],
    ) -> dg.SensorResult:
        now = datetime.now(UTC)
        progress = Progress.read(context.cursor, now)
        if progress.is_over:
            return dg.SensorResult(
                skip_reason=f"The next round begins at {progress.next_round_at:%H:%M} UTC.",
                cursor=context.cursor,
            )
        deleted, target = _prune_ledger(progress.target, ledger, warehouse, settings, now)
        more, run = _prune_runs(progress.run, context.instance, ledger, settings, now)
        deleted |= more
        counts = ", ".join(f"{count:,} {name}" for name, count in deleted.items() if count)
        now_at = Progress(target=target, run=run, next_round_at=now + ROUND_INTERVAL)
        return dg.SensorResult(
            skip_reason=f"Deleted: {counts or 'nothing'}.", cursor=now_at.to_json()
        )

    return retention


def load_retention(settings: Settings) -> timedelta:
    """Return how long loads are kept: at least as long as their files and reports."""
    days = max(settings.load_days, settings.archive_days + 1, settings.report_days + 1)
    return timedelta(days=days)


def _prune_ledger(
    after: str | None, ledger: Ledger, warehouse: Warehouse, settings: Settings, now: datetime
) -> tuple[dict[str, int], str | None]:
    """Delete from the ledger, unless the round is over; return counts, and where to go on."""
    # Imported here, since the definitions load without the warehouse.
    from alumniq_pipelines.services.ledger_retention import LedgerRetention

    if after is None:
        return {}, None
    pruned = LedgerRetention(
        rows=ExpiredRows(ledger.database),
        warehouse=warehouse,
        load_retention=load_retention(settings),
        audit_retention=timedelta(days=settings.audit_days),
    ).prune(now, Target.parse(after) if after else None, PART_SECONDS)
    go_on = "" if pruned.after is None else str(pruned.after)
    return dict(pruned.deleted), None if pruned.is_over else go_on


def _prune_runs(
    after: int | None,
    instance: dg.DagsterInstance,
    ledger: Ledger,
    settings: Settings,
    now: datetime,
) -> tuple[dict[str, int], int | None]:
    """Delete from Dagster's storage, unless that is over; return counts, and where to go on."""
    from alumniq_pipelines.defs.run_retention import RunRetention

    if after is None:
        return {}, None
    retention = RunRetention(
        instance=instance, ledger=ledger, before=now - timedelta(days=settings.run_days)
    )
    pruned = retention.prune(after, PART_SECONDS)
    events = retention.prune_events_without_run(PART_SECONDS) if pruned.is_over else 0
    return {"runs": pruned.deleted, "events": events}, None if pruned.is_over else pruned.after
