"""`alumniq watch`: when files are expected, and the incidents that monitoring has found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.console import print_json
from alumniq_pipelines.cli.installation import known_feed, ledger_of, operator
from alumniq_pipelines.cli.watch_display import (
    describe_schedule,
    incident_to_json,
    show_incidents,
    show_suggestion,
    show_watch_statuses,
    suggestion_to_json,
    target_to_json,
    watch_status_to_json,
    watch_to_json,
)
from alumniq_pipelines.core.loads.target import Environment, Target
from alumniq_pipelines.core.monitoring.duration import parse_duration
from alumniq_pipelines.core.monitoring.fixed_offset import fixed_offset_warning
from alumniq_pipelines.core.monitoring.schedule import DaysOff, DeliverySchedule
from alumniq_pipelines.core.monitoring.wall_clock import moments_showing
from alumniq_pipelines.core.monitoring.watch import Watch
from alumniq_pipelines.core.problems.command import UnknownWatch, UnusableHeartbeat, UnusableSnooze
from alumniq_pipelines.settings import Settings

HISTORY = 200
"""How many past loads a schedule is suggested from."""

watch = typer.Typer(
    help="Watches: when files are expected from each customer.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CustomerOption = Annotated[str | None, typer.Option("--customer", help="Only this customer.")]
CustomerArgument = Annotated[str, typer.Argument(help="The customer's short name, such as iqu.")]
EnvironmentArgument = Annotated[Environment, typer.Argument(help="qa or production.")]
Feed = Annotated[str, typer.Argument(help="The feed's name, such as warehouse.")]
Cron = Annotated[
    str | None,
    typer.Option(help='When a file is due, in the campus time zone, such as "0 3 * * 1-5".'),
]
Every = Annotated[
    str | None,
    typer.Option(help="Instead of --cron: the time from one file to the next, such as 6h."),
]
Zone = Annotated[
    str | None,
    typer.Option("--time-zone", help="The time zone of the campus, such as America/New_York."),
]
Grace = Annotated[str | None, typer.Option(help="How late a file may be, such as 2h.")]
Off = Annotated[
    list[str] | None,
    typer.Option(
        "--day-off",
        help="Days on which no file is expected: 2026-12-25 or 2026-12-24..2027-01-02. Repeatable; "
        '"" removes all.',
    ),
]
Weekends = Annotated[
    bool | None,
    typer.Option("--weekends/--no-weekends", help="Whether files are expected on weekends."),
]
Heartbeat = Annotated[
    str | None,
    typer.Option(
        help='A heartbeat service (dead man\'s switch) to notify of every load; "" for none.'
    ),
]
Until = Annotated[
    str | None, typer.Option(help="Expect no files until then: 2026-12-01 or 2026-12-01T08:00.")
]
For = Annotated[
    str | None, typer.Option("--for", help="Expect no files for this long, such as 3d.")
]
End = Annotated[bool, typer.Option("--end", help="Expect files again from now on.")]
Apply = Annotated[bool, typer.Option("--apply", help="Set the watch as suggested.")]
All = Annotated[bool, typer.Option("--all", help="Include incidents that are over.")]


@watch.command("list")
def list_watches(customer: CustomerOption = None, *, as_json: Json = False) -> None:
    """List watches and their current state."""
    from alumniq_pipelines.services.monitor import watch_statuses

    with ledger_of(Settings()) as ledger:
        statuses = watch_statuses(ledger, ledger.watches.all(customer), datetime.now(UTC))
        found = {incident.condition.key: incident for incident in ledger.incidents.list_open()}
    if as_json:
        print_json([watch_status_to_json(status, found) for status in statuses])
        return
    if not statuses:
        typer.echo('No watches yet. Set one: alumniq watch set CUSTOMER qa FEED --cron "0 3 * * *"')
        return
    show_watch_statuses(statuses, found)


@watch.command("set")
def set_watch(
    customer: CustomerArgument,
    environment: EnvironmentArgument,
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
    """Set the watch on a feed, or change an existing one; omitted options keep their value."""
    from alumniq_pipelines.core.notifications.callback_addresses import AddressPolicy
    from alumniq_pipelines.core.notifications.recipients import url_error

    settings = Settings()
    target, now = _target(settings, customer, environment, feed), datetime.now(UTC)
    changes = _schedule_changes(cron, every, time_zone, grace, day_off, weekends=weekends)
    with ledger_of(settings) as ledger:
        before = ledger.watches.get(target)
        schedule = replace(before.schedule, **changes) if before else DeliverySchedule(**changes)
        after = replace(before, schedule=schedule) if before else Watch(target, schedule, now)
        # New due times apply from now on: nothing is expected before `since`.
        if before and _without_grace(before.schedule) != _without_grace(schedule):
            after = replace(after, since=now)
        if heartbeat_url is not None:
            policy = AddressPolicy.of(settings.callback_allowed_networks)
            error = url_error(heartbeat_url, policy) if heartbeat_url else None
            if error is not None:
                raise UnusableHeartbeat(error)
            after = replace(after, heartbeat_url=heartbeat_url)
        ledger.watches.set(after, now, actor=operator())
    _warn_of_fixed_offset(schedule)
    if as_json:
        print_json(watch_to_json(after))
        return
    typer.echo(f"Files for {target} are expected: {describe_schedule(schedule)}.")


@watch.command()
def snooze(
    customer: CustomerArgument,
    environment: EnvironmentArgument,
    feed: Feed,
    until: Until = None,
    length: For = None,
    *,
    end: End = False,
    as_json: Json = False,
) -> None:
    """Expect no files for a while; open missed deliveries are closed without a notification."""
    target, now = Target(customer, environment, feed), datetime.now(UTC)
    with ledger_of(Settings()) as ledger:
        stored = ledger.watches.get(target)
        if stored is None:
            raise UnknownWatch(str(target))
        over = _snoozed_until(stored.schedule, until, length, now, end=end)
        ledger.watches.snooze(target, over, now, actor=operator())
    if as_json:
        print_json({**target_to_json(target), "snoozed_until": over})
        return
    if over is None:
        typer.echo(f"Files for {target} are expected again.")
    else:
        local = stored.schedule.format_time(over)
        typer.echo(f"No files for {target} are expected until {local}.")


@watch.command()
def remove(
    customer: CustomerArgument,
    environment: EnvironmentArgument,
    feed: Feed,
    *,
    as_json: Json = False,
) -> None:
    """Remove the watch on a feed."""
    target = Target(customer, environment, feed)
    with ledger_of(Settings()) as ledger:
        if not ledger.watches.remove(target, datetime.now(UTC), actor=operator()):
            raise UnknownWatch(str(target))
    if as_json:
        print_json({**target_to_json(target), "removed": True})
        return
    typer.echo(f"{target} is no longer monitored.")


@watch.command()
def suggest(
    customer: CustomerArgument,
    environment: EnvironmentArgument,
    feed: Feed,
    time_zone: Zone = None,
    *,
    apply: Apply = False,
    as_json: Json = False,
) -> None:
    """Suggest a schedule from the times at which this feed's files arrived."""
    from alumniq_pipelines.core.monitoring.schedule_suggestion import suggest_schedule

    settings = Settings()
    target, now = _target(settings, customer, environment, feed), datetime.now(UTC)
    with ledger_of(settings) as ledger:
        stored = ledger.watches.get(target)
        zone = time_zone or (stored.schedule.time_zone if stored else "UTC")
        proposed = suggest_schedule(ledger.watches.arrivals(target, HISTORY), zone)
        if apply:
            days_off = stored.schedule.days_off if stored else ()
            schedule = replace(proposed.schedule, days_off=days_off)
            after = Watch(
                target, schedule, now, heartbeat_url=stored.heartbeat_url if stored else ""
            )
            ledger.watches.set(after, now, actor=operator())
    _warn_of_fixed_offset(proposed.schedule)
    if as_json:
        print_json({**suggestion_to_json(target, proposed), "applied": apply})
        return
    show_suggestion(target, proposed, applied=apply)


@watch.command()
def incidents(*, include_closed: All = False, as_json: Json = False) -> None:
    """List incidents, newest first."""
    with ledger_of(Settings()) as ledger:
        found = ledger.incidents.newest() if include_closed else ledger.incidents.list_open()
    newest_first = sorted(found, key=lambda incident: incident.id, reverse=True)
    if as_json:
        print_json([incident_to_json(incident) for incident in newest_first])
        return
    show_incidents(newest_first)


def _target(settings: Settings, customer: str, environment: Environment, feed: str) -> Target:
    """Return the target of an existing feed; raises UnknownFeed."""
    return Target(customer, environment, known_feed(settings, feed))


def _schedule_changes(
    cron: str | None,
    every: str | None,
    time_zone: str | None,
    grace: str | None,
    day_off: list[str] | None,
    *,
    weekends: bool | None,
) -> dict[str, Any]:
    """Return the fields of the schedule that the options set."""
    changes: dict[str, Any] = {}
    if cron is not None or every is not None:  # either one replaces the other
        changes["cron"] = cron
        changes["period"] = None if every is None else parse_duration(every)
    if time_zone is not None:
        changes["time_zone"] = time_zone
    if grace is not None:
        changes["grace"] = parse_duration(grace)
    if day_off is not None:
        changes["days_off"] = tuple(DaysOff.of(text) for text in day_off if text)
    if weekends is not None:
        changes["skips_weekends"] = not weekends
    return changes


def _warn_of_fixed_offset(schedule: DeliverySchedule) -> None:
    warning = fixed_offset_warning(schedule)
    if warning is not None:
        typer.echo(f"Warning: {warning}", err=True)


def _without_grace(schedule: DeliverySchedule) -> DeliverySchedule:
    """Return the schedule without the grace period, which changes no due time."""
    return replace(schedule, grace=timedelta())


def _snoozed_until(
    schedule: DeliverySchedule, until: str | None, length: str | None, now: datetime, *, end: bool
) -> datetime | None:
    if [until is not None, length is not None, end].count(True) != 1:
        raise UnusableSnooze
    if end:
        return None
    if length is not None:
        return now + parse_duration(length)
    try:
        end_of_snooze = datetime.fromisoformat(until or "")
    except ValueError:
        raise UnusableSnooze from None
    if end_of_snooze.tzinfo is None:  # the operator writes the time of the campus
        first, _ = moments_showing(end_of_snooze, schedule.zone)
        return schedule.local(first)
    return end_of_snooze
