"""`alumniq watch`: what is expected of a target and by when, and what was found amiss."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.console import print_json
from alumniq_pipelines.cli.installation import known_feed, ledger_of, operator
from alumniq_pipelines.cli.watch_display import (
    incident_told,
    named,
    proposed_told,
    show_incidents,
    show_proposed,
    show_stands,
    stand_told,
    watch_told,
    words,
)
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.duration import duration_of
from alumniq_pipelines.core.monitoring.schedule import DaysOff, Rhythm
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.problems.command import UnknownWatch, UnusableHeartbeat, UnusableSnooze
from alumniq_pipelines.settings import Settings

HISTORY = 200
"""Loads that a rhythm is proposed from."""

watch = typer.Typer(help="Watches: when files are expected of whom.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Only = Annotated[str | None, typer.Option("--customer", help="Only this customer's.")]
Whose = Annotated[str, typer.Argument(help="The customer's short name, such as iqu.")]
Where = Annotated[Environment, typer.Argument(help="The environment.")]
Feed = Annotated[str, typer.Argument(help="The feed's name, such as warehouse.")]
Cron = Annotated[
    str | None, typer.Option(help='When it is due by clocks on campus, such as "0 3 * * 1-5".')
]
Every = Annotated[
    str | None, typer.Option(help="Instead: how long after one the next is due, such as 6h.")
]
Zone = Annotated[
    str | None, typer.Option("--time-zone", help="The campus's, such as America/New_York.")
]
Grace = Annotated[str | None, typer.Option(help="How late is still fine, such as 2h.")]
Off = Annotated[
    list[str] | None,
    typer.Option(
        "--day-off",
        help='Nothing is expected then: 2026-12-25 or 2026-12-24..2027-01-02. "" forgets all.',
    ),
]
Weekends = Annotated[
    bool | None, typer.Option("--weekends/--no-weekends", help="Whether weekends count.")
]
Heartbeat = Annotated[
    str | None,
    typer.Option(help='A dead man\'s switch that is told of every load. "" tells none.'),
]
Until = Annotated[
    str | None, typer.Option(help="Expect nothing before then: 2026-12-01 or 2026-12-01T08:00.")
]
For = Annotated[str | None, typer.Option("--for", help="The same from now on, such as 3d.")]
End = Annotated[bool, typer.Option("--end", help="Expect files again from now on.")]
Apply = Annotated[bool, typer.Option("--apply", help="Set the watch as proposed.")]
All = Annotated[bool, typer.Option("--all", help="Also those that are over.")]


@watch.command("list")
def list_watches(customer: Only = None, *, as_json: Json = False) -> None:
    """List watches, and how each stands now."""
    from alumniq_pipelines.services.monitor import stands_of

    with ledger_of(Settings()) as ledger:
        stands = stands_of(ledger, ledger.watches.all(customer), datetime.now(UTC))
        found = {each.condition.key: each for each in ledger.incidents.now_open()}
    if as_json:
        print_json([stand_told(each, found) for each in stands])
        return
    if not stands:
        typer.echo('No watches yet. Set one: alumniq watch set CUSTOMER qa FEED --cron "0 3 * * *"')
        return
    show_stands(stands, found)


@watch.command("set")
def set_watch(
    customer: Whose,
    environment: Where,
    feed: Feed,
    cron: Cron = None,
    every: Every = None,
    time_zone: Zone = None,
    grace: Grace = None,
    day_off: Off = None,
    weekends: Weekends = None,
    heartbeat_url: Heartbeat = None,
    *,
    as_json: Json = False,
) -> None:
    """Set a target's watch; of one that is there, only what is given changes."""
    settings = Settings()
    target = _target(settings, customer, environment, feed)
    now = datetime.now(UTC)
    changes = {**_pace(cron, every), **_terms(time_zone, grace, day_off, weekends=weekends)}
    with ledger_of(settings) as ledger:
        before = ledger.watches.get(target)
        rhythm = replace(before.rhythm, **changes) if before else Rhythm(**changes)
        after = replace(before, rhythm=rhythm) if before else Watch(target, rhythm, now)
        if before and _times(before.rhythm) != _times(rhythm):
            after = replace(after, since=now)
        if heartbeat_url is not None:
            after = replace(after, heartbeat_url=_checked_url(settings, heartbeat_url))
        ledger.watches.set(after, now, actor=operator())
    if as_json:
        print_json(watch_told(after))
        return
    typer.echo(f"{target} is expected {words(rhythm)}.")


@watch.command()
def snooze(
    customer: Whose,
    environment: Where,
    feed: Feed,
    until: Until = None,
    length: For = None,
    *,
    end: End = False,
    as_json: Json = False,
) -> None:
    """Expect nothing of a target for a while; what is open is dropped without a word."""
    target, now = Target(customer, environment, feed), datetime.now(UTC)
    with ledger_of(Settings()) as ledger:
        kept = ledger.watches.get(target)
        if kept is None:
            raise UnknownWatch(str(target))
        over = _snoozed_until(kept.rhythm, until, length, now, end=end)
        ledger.watches.snooze(target, over, now, actor=operator())
    if as_json:
        print_json({**named(target), "snoozed_until": over})
        return
    told = "again" if over is None else f"not before {kept.rhythm.local(over):%Y-%m-%d %H:%M %Z}"
    typer.echo(f"{target} is expected {told}.")


@watch.command()
def remove(customer: Whose, environment: Where, feed: Feed, *, as_json: Json = False) -> None:
    """Watch a target no more."""
    target = Target(customer, environment, feed)
    with ledger_of(Settings()) as ledger:
        if not ledger.watches.remove(target, datetime.now(UTC), actor=operator()):
            raise UnknownWatch(str(target))
    if as_json:
        print_json({**named(target), "removed": True})
        return
    typer.echo(f"{target} is watched no more.")


@watch.command()
def suggest(
    customer: Whose,
    environment: Where,
    feed: Feed,
    time_zone: Zone = None,
    *,
    apply: Apply = False,
    as_json: Json = False,
) -> None:
    """Propose a rhythm from when this target's loads came."""
    from alumniq_pipelines.core.monitoring.schedule_suggestion import suggestion

    settings = Settings()
    target, now = _target(settings, customer, environment, feed), datetime.now(UTC)
    with ledger_of(settings) as ledger:
        kept = ledger.watches.get(target)
        zone = time_zone or (kept.rhythm.time_zone if kept else "UTC")
        proposed = suggestion(ledger.watches.arrivals(target, HISTORY), zone)
        if apply:
            days_off = kept.rhythm.days_off if kept else ()
            rhythm = replace(proposed.rhythm, days_off=days_off)
            after = Watch(target, rhythm, now, heartbeat_url=kept.heartbeat_url if kept else "")
            ledger.watches.set(after, now, actor=operator())
    if as_json:
        print_json({**proposed_told(target, proposed), "applied": apply})
        return
    show_proposed(target, proposed, applied=apply)


@watch.command()
def incidents(*, every: All = False, as_json: Json = False) -> None:
    """List what was found amiss and told to staff, newest first."""
    with ledger_of(Settings()) as ledger:
        found = ledger.incidents.newest() if every else ledger.incidents.now_open()
    newest_first = sorted(found, key=lambda incident: incident.id, reverse=True)
    if as_json:
        print_json([incident_told(each) for each in newest_first])
        return
    show_incidents(newest_first)


def _target(settings: Settings, customer: str, environment: Environment, feed: str) -> Target:
    """Name a target; raises UnknownFeed."""
    return Target(customer, environment, known_feed(settings, feed))


def _pace(cron: str | None, every: str | None) -> dict[str, Any]:
    """Read when files are due, if that was given at all."""
    if cron is None and every is None:
        return {}
    return {"cron": cron, "period": None if every is None else duration_of(every)}


def _terms(
    time_zone: str | None, grace: str | None, day_off: list[str] | None, *, weekends: bool | None
) -> dict[str, Any]:
    """Read what else was given."""
    days_off = None if day_off is None else tuple(DaysOff.of(each) for each in day_off if each)
    given = {
        "time_zone": time_zone,
        "grace": None if grace is None else duration_of(grace),
        "days_off": days_off,
        "skips_weekends": None if weekends is None else not weekends,
    }
    return {name: value for name, value in given.items() if value is not None}


def _times(rhythm: Rhythm) -> Rhythm:
    """Leave out of a rhythm what changes no due time."""
    return replace(rhythm, grace=timedelta())


def _checked_url(settings: Settings, url: str) -> str:
    from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
    from alumniq_pipelines.core.notifications.recipients import flaw_of_url

    flaw = flaw_of_url(url, AddressPolicy.of(settings.callback_allowed_networks)) if url else None
    if flaw is not None:
        raise UnusableHeartbeat(flaw)
    return url


def _snoozed_until(
    rhythm: Rhythm, until: str | None, length: str | None, now: datetime, *, end: bool
) -> datetime | None:
    if [until is not None, length is not None, end].count(True) != 1:
        raise UnusableSnooze
    if end:
        return None
    if length is not None:
        return now + duration_of(length)
    try:
        moment = datetime.fromisoformat(until or "")
    except ValueError:
        raise UnusableSnooze from None
    return moment if moment.tzinfo else moment.replace(tzinfo=rhythm.zone)
