"""How `alumniq watch` prints watches, suggestions and incidents, as text and as JSON."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from alumniq_pipelines.cli.console import format_time
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.conditions import missed_delivery_key
from alumniq_pipelines.core.monitoring.duration import format_duration
from alumniq_pipelines.core.monitoring.incident import Incident
from alumniq_pipelines.core.monitoring.schedule import DeliverySchedule
from alumniq_pipelines.core.monitoring.wall_clock import has_abbreviation
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.shell import alumniq_command

if TYPE_CHECKING:
    from alumniq_pipelines.core.monitoring.schedule_suggestion import ScheduleSuggestion
    from alumniq_pipelines.services.monitor import WatchStatus

OpenIncidents = Mapping[str, Incident]
"""Open incidents by key."""


def describe_schedule(schedule: DeliverySchedule) -> str:
    """Return a delivery schedule on one line."""
    pace = schedule.cron or f"every {format_duration(schedule.period or timedelta())}"
    off = ", not on weekends" if schedule.skips_weekends else ""
    days = "".join(f", not on {day_off}" for day_off in schedule.days_off)
    return f"{pace} {schedule.time_zone}{off}{days}, grace period {format_duration(schedule.grace)}"


def show_watch_statuses(statuses: "Sequence[WatchStatus]", found: OpenIncidents) -> None:
    """Print one line per watch, for grep and cut, with times in the time zone of each campus."""
    for status in statuses:
        incident = found.get(missed_delivery_key(status.target))
        schedule, due = status.watch.schedule, status.expectation.due_at
        kind = f": {incident.condition.kind}" if incident else ""
        due_text = schedule.format_time(due) if due else "never"
        last = schedule.format_time(status.last) if status.last else "never"
        is_named = has_abbreviation(due or status.watch.since, schedule.zone)
        unnamed = "" if is_named else "; this time zone has no abbreviation"
        typer.echo(
            f"{status.target}  {status.expectation.state}{kind}  due {due_text}  last {last}  "
            f"({describe_schedule(schedule)}{unnamed})"
        )


def show_suggestion(target: Target, proposed: "ScheduleSuggestion", *, applied: bool) -> None:
    """Print a suggestion, the loads it is based on, and the command that sets it."""
    schedule = proposed.schedule
    first, last = schedule.local(proposed.first), schedule.local(proposed.last)
    typer.echo(f"{target}: {describe_schedule(schedule)}.")
    typer.echo(
        f"Based on {proposed.loads} loads on {proposed.days} days, "
        f"{first:%Y-%m-%d} to {last:%Y-%m-%d}; with this "
        f"schedule, {proposed.alarms} of them would have arrived after an alarm."
    )
    if not applied:
        cron, every = ("--cron", schedule.cron), ("--every", f"{_minutes(schedule.period)}min")
        command = (
            *("watch", "set", target.customer, target.environment, target.feed),
            *(cron if schedule.cron else every),
            *("--time-zone", schedule.time_zone, "--grace", f"{_minutes(schedule.grace)}min"),
        )
        typer.echo(f"To set it, run: {alumniq_command(*command)}")


def show_incidents(found: Sequence[Incident]) -> None:
    """Print one line per incident."""
    if not found:
        typer.echo("No incidents.")
    for incident in found:
        state = (
            f"{incident.resolution} {format_time(incident.closed_at)}"
            if incident.closed_at
            else "open"
        )
        opened, condition = format_time(incident.opened_at), incident.condition
        typer.echo(f"{opened}  {condition.kind:<18}  {condition.title}  ({state})")


def suggestion_to_json(target: Target, proposed: "ScheduleSuggestion") -> dict[str, Any]:
    """Serialize a suggestion."""
    return {
        **target_to_json(target),
        **_schedule_to_json(proposed.schedule),
        "loads": proposed.loads,
        "days": proposed.days,
        "first": proposed.first,
        "last": proposed.last,
        "alarms": proposed.alarms,
    }


def _minutes(length: timedelta | None) -> int:
    return int((length or timedelta()).total_seconds()) // 60


def target_to_json(target: Target) -> dict[str, Any]:
    """Serialize a target."""
    return {
        "customer": target.customer,
        "environment": target.environment,
        "feed": target.feed,
    }


def _schedule_to_json(schedule: DeliverySchedule) -> dict[str, Any]:
    return {
        "cron": schedule.cron,
        "period_seconds": None if schedule.period is None else int(schedule.period.total_seconds()),
        "time_zone": schedule.time_zone,
        "grace_seconds": int(schedule.grace.total_seconds()),
        "days_off": [str(day_off) for day_off in schedule.days_off],
        "weekends": not schedule.skips_weekends,
    }


def watch_to_json(watch: Watch) -> dict[str, Any]:
    """Serialize a watch; of the heartbeat's URL, which is a secret, only the host."""
    return {
        **target_to_json(watch.target),
        **_schedule_to_json(watch.schedule),
        "since": watch.since,
        "snoozed_until": watch.snoozed_until,
        "heartbeat": urlsplit(watch.heartbeat_url).hostname,
    }


def watch_status_to_json(status: "WatchStatus", found: OpenIncidents) -> dict[str, Any]:
    """Serialize a watch with its current state."""
    expected, incident = status.expectation, found.get(missed_delivery_key(status.target))
    return {
        **watch_to_json(status.watch),
        "standing": expected.state,
        "due_at": expected.due_at,
        "missed_at": expected.missed_at,
        "last": status.last,
        "silence": incident.condition.kind if incident else None,
    }


def incident_to_json(incident: Incident) -> dict[str, Any]:
    """Serialize an incident."""
    condition = incident.condition
    return {
        "id": incident.id,
        "kind": condition.kind,
        **(target_to_json(condition.target) if condition.target else {}),
        "title": condition.title,
        "detail": condition.detail,
        "advice": condition.advice,
        "opened_at": incident.opened_at,
        "told_at": incident.told_at,
        "closed_at": incident.closed_at,
        "resolution": incident.resolution,
    }
