"""How `alumniq watch` shows watches, proposals and incidents: for people and for machines."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from alumniq_pipelines.cli.console import when
from alumniq_pipelines.core.loads.target import Target
from alumniq_pipelines.core.monitoring.conditions import silence_key
from alumniq_pipelines.core.monitoring.duration import duration_text
from alumniq_pipelines.core.monitoring.incident import Incident
from alumniq_pipelines.core.monitoring.schedule import Rhythm
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.shell import alumniq_command

if TYPE_CHECKING:
    from alumniq_pipelines.core.monitoring.schedule_suggestion import Suggestion
    from alumniq_pipelines.services.monitor import Stand

Open = Mapping[str, Incident]
"""Incidents by key."""


def words(rhythm: Rhythm) -> str:
    """Describe a rhythm in one line."""
    pace = rhythm.cron or f"every {duration_text(rhythm.period or timedelta())}"
    off = " without weekends" if rhythm.skips_weekends else ""
    days = "".join(f", not {each}" for each in rhythm.days_off)
    return f"{pace} {rhythm.time_zone}{off}{days}, grace {duration_text(rhythm.grace)}"


def show_stands(stands: "Sequence[Stand]", found: Open) -> None:
    """Print one line per watch, to be searched and cut; times by the clocks of each campus."""
    for each in stands:
        incident = found.get(silence_key(each.target))
        rhythm, due = each.watch.rhythm, each.expectation.due_at
        kind = f": {incident.condition.kind}" if incident else ""
        due_text = f"{rhythm.local(due):%Y-%m-%d %H:%M}" if due else "never"
        last = f"{rhythm.local(each.last):%Y-%m-%d %H:%M}" if each.last else "never"
        typer.echo(
            f"{each.target}  {each.expectation.standing}{kind}  due {due_text}  last {last}  "
            f"({words(rhythm)})"
        )


def show_proposed(target: Target, proposed: "Suggestion", *, applied: bool) -> None:
    """Print a proposal, what it was drawn from, and how to set it."""
    rhythm = proposed.rhythm
    typer.echo(f"{target}: {words(rhythm)}.")
    typer.echo(
        f"Drawn from {proposed.loads} loads on {proposed.days} days, "
        f"{proposed.first:%Y-%m-%d} to {proposed.last:%Y-%m-%d}; with this rhythm "
        f"{proposed.alarms} of them would have come after an alarm."
    )
    if not applied:
        cron, every = ("--cron", rhythm.cron), ("--every", f"{_minutes(rhythm.period)}min")
        command = (
            *("watch", "set", target.customer, target.environment, target.feed),
            *(cron if rhythm.cron else every),
            *("--time-zone", rhythm.time_zone, "--grace", f"{_minutes(rhythm.grace)}min"),
        )
        typer.echo(f"Set it: {alumniq_command(*command)}")


def show_incidents(found: Sequence[Incident]) -> None:
    """Print one line per incident."""
    if not found:
        typer.echo("Nothing is amiss.")
    for each in found:
        state = f"{each.resolution} {when(each.closed_at)}" if each.closed_at else "open"
        opened, condition = when(each.opened_at), each.condition
        typer.echo(f"{opened}  {condition.kind:<18}  {condition.title}  ({state})")


def proposed_told(target: Target, proposed: "Suggestion") -> dict[str, Any]:
    """Lay a proposal out for machines."""
    return {
        **named(target),
        **_rhythm_told(proposed.rhythm),
        "loads": proposed.loads,
        "days": proposed.days,
        "first": proposed.first,
        "last": proposed.last,
        "alarms": proposed.alarms,
    }


def _minutes(length: timedelta | None) -> int:
    return int((length or timedelta()).total_seconds()) // 60


def named(target: Target) -> dict[str, Any]:
    """Lay a target out."""
    return {
        "customer": target.customer,
        "environment": target.environment,
        "feed": target.feed,
    }


def _rhythm_told(rhythm: Rhythm) -> dict[str, Any]:
    return {
        "cron": rhythm.cron,
        "period_seconds": None if rhythm.period is None else int(rhythm.period.total_seconds()),
        "time_zone": rhythm.time_zone,
        "grace_seconds": int(rhythm.grace.total_seconds()),
        "days_off": [str(each) for each in rhythm.days_off],
        "weekends": not rhythm.skips_weekends,
    }


def watch_told(kept: Watch) -> dict[str, Any]:
    """Lay a watch out; of the heartbeat's URL, which is a secret, the host."""
    return {
        **named(kept.target),
        **_rhythm_told(kept.rhythm),
        "since": kept.since,
        "snoozed_until": kept.snoozed_until,
        "heartbeat": urlsplit(kept.heartbeat_url).hostname,
    }


def stand_told(stand: "Stand", found: Open) -> dict[str, Any]:
    """Lay out how a watched target stands."""
    expected, incident = stand.expectation, found.get(silence_key(stand.target))
    return {
        **watch_told(stand.watch),
        "standing": expected.standing,
        "due_at": expected.due_at,
        "missed_at": expected.missed_at,
        "last": stand.last,
        "silence": incident.condition.kind if incident else None,
    }


def incident_told(incident: Incident) -> dict[str, Any]:
    """Lay an incident out."""
    condition = incident.condition
    return {
        "id": incident.id,
        "kind": condition.kind,
        **(named(condition.target) if condition.target else {}),
        "title": condition.title,
        "detail": condition.detail,
        "advice": condition.advice,
        "opened_at": incident.opened_at,
        "told_at": incident.told_at,
        "closed_at": incident.closed_at,
        "resolution": incident.resolution,
    }
