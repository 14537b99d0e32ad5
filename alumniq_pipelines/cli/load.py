"""`alumniq load`: the accepted loads, their outcomes and their notifications."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from operator import itemgetter
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.console import Limit, OldLimit, format_time, print_json, stdout_console
from alumniq_pipelines.cli.hold_display import (
    change_lines,
    hold_events,
    hold_to_json,
    waiting_lines,
)
from alumniq_pipelines.cli.installation import ledger_of
from alumniq_pipelines.cli.load_decision import approve, cancel, discard, repeat
from alumniq_pipelines.cli.load_report import report
from alumniq_pipelines.cli.notification import attempts_to_json
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.hold import Hold
from alumniq_pipelines.core.loads.load import JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import AttemptRecord
from alumniq_pipelines.core.loads.waiting import format_waiting, waiting_for
from alumniq_pipelines.core.notifications.notification import (
    DeliveryResult,
    Notification,
    NotificationState,
    format_result,
)
from alumniq_pipelines.core.problems.command import UnknownLoad
from alumniq_pipelines.core.problems.live_data import without_live_sentence
from alumniq_pipelines.settings import Settings

load = typer.Typer(
    help="Loads: list, show, cancel and repeat them, decide on held ones, get rejected rows.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CustomerOption = Annotated[str | None, typer.Option("--customer", help="Only this customer.")]
States = Annotated[
    list[LoadState] | None, typer.Option("--state", help="Only loads in this state. Repeatable.")
]
Id = Annotated[str, typer.Argument(help="The jobId that the webhook returned.")]

Event = tuple[datetime, str]
NotificationAttempts = tuple[Notification, Sequence[tuple[datetime, DeliveryResult]]]


load.command()(approve)
load.command()(discard)
load.command()(cancel)
load.command()(repeat)
load.command()(report)


@load.command("list")
def list_loads(
    customer: CustomerOption = None,
    state: States = None,
    limit: Limit = 50,
    most: OldLimit = None,
    *,
    as_json: Json = False,
) -> None:
    """List loads, newest first."""
    with ledger_of(Settings()) as ledger:
        loads = ledger.loads.find(customer=customer, states=state or (), limit=most or limit)
    if as_json:
        print_json([_load_to_json(entry) for entry in loads])
        return
    if not loads:
        typer.echo("No loads.")
        return
    for entry in loads:
        # One line each, whatever the width of the terminal: they are for grep and cut.
        accepted, target = format_time(entry.accepted_at), str(entry.target)
        typer.echo(f"{entry.job_id}  {entry.state:<9}  {accepted}  {target}{_rows(entry.counts)}")


@load.command()
def show(job_id: Id, *, as_json: Json = False) -> None:
    """Show a load: its events, attempts, errors and notifications."""
    with ledger_of(Settings()) as ledger:
        found = ledger.loads.get(JobId(job_id.strip().upper()))
        if found is None:
            raise UnknownLoad(job_id)
        attempts = ledger.attempts.of(found.job_id)
        hold = ledger.holds.get(found.job_id)
        waiting = _format_waiting(found, attempts, hold, ledger.loads.queue_position(found))
        notifications = [
            (notification, ledger.notifications.attempts(notification.id))
            for notification in ledger.notifications.of(found.job_id)
        ]
    if as_json:
        notifications_json = [
            {
                "id": notification.id,
                **asdict(notification.notice),
                "state": notification.state,
                "created_at": notification.created_at,
                "next_attempt_at": notification.next_attempt_at,
                "delivery_attempts": attempts_to_json(notification, delivery_attempts),
            }
            for notification, delivery_attempts in notifications
        ]
        print_json(
            {
                **_load_to_json(found),
                "attempts": [_with_lasting_errors(asdict(attempt)) for attempt in attempts],
                "notifications": notifications_json,
                "hold": hold_to_json(hold),
                "waiting": waiting,
            }
        )
        return
    _print_load(found, waiting, _events(found, attempts, hold, notifications))
    console = stdout_console()
    for line in (
        *change_lines(found),
        *waiting_lines(found, hold),
        *_pending_lines(notifications),
    ):
        console.print(line, soft_wrap=True, markup=False)


def _print_load(found: Load, waiting: str | None, events: Iterable[Event]) -> None:
    from rich.markup import escape

    console = stdout_console()
    console.print(f"[bold]{found.job_id}[/bold] {found.target}: [bold]{found.state}[/bold]")
    if waiting is not None:
        console.print(waiting, soft_wrap=True)
    for at, event in sorted(events, key=itemgetter(0)):  # stable: simultaneous events keep order
        console.print(f"{format_time(at)}  {escape(event)}", soft_wrap=True)
    for error in map(without_live_sentence, found.errors):
        console.print(f"[red]Error:[/red] {escape(error)}", soft_wrap=True)
    for warning in found.warnings:
        console.print(f"{warning.severity.capitalize()}: {escape(str(warning))}", soft_wrap=True)


def _events(
    found: Load,
    attempts: Sequence[AttemptRecord],
    hold: Hold | None,
    notifications: Sequence[NotificationAttempts],
) -> Iterator[Event]:
    """Yield the events of a load: of its attempts, its hold, itself and its notifications."""
    for attempt in attempts:
        if attempt.started_at is not None:
            yield attempt.started_at, f"attempt {attempt.number} began, run {attempt.run_id}"
        if attempt.ended_at is not None:
            why = "".join(f"; {without_live_sentence(error)}" for error in attempt.errors)
            yield (
                attempt.ended_at,
                f"attempt {attempt.number} {attempt.result}{_rows(attempt.counts)}{why}",
            )
    yield from hold_events(hold)
    request = found.request
    size = "" if request.size_bytes is None else f", {request.size_bytes:,} bytes"
    yield found.accepted_at, f"accepted {request.filename}{size}; by {request.origin}"
    if found.requested_at is not None:
        yield found.requested_at, "run requested"
    if found.ended_at is not None:
        yield found.ended_at, f"{found.state}{_rows(found.counts)}"
    for notification, delivery_attempts in notifications:
        for at, result in delivery_attempts:
            ended = "delivered" if result.delivered else "failed"
            detail = format_result(notification.notice.channel, result)
            yield at, f"{_recipient(notification)} {ended}: {detail}"


def _format_waiting(
    found: Load,
    attempts: Sequence[AttemptRecord],
    hold: Hold | None,
    queue_position: int | None,
) -> str | None:
    waiting = waiting_for(
        found,
        attempts,
        datetime.now(UTC),
        ahead=(queue_position or 1) - 1,
        approval_due=hold.expires_at if hold else None,
    )
    return None if waiting is None else format_waiting(waiting, for_staff=True)


def _pending_lines(notifications: Sequence[NotificationAttempts]) -> Iterator[str]:
    """Yield a line for each notification that is still pending or was given up."""
    for notification, _ in notifications:
        if notification.state is NotificationState.PENDING:
            next_attempt = format_time(notification.next_attempt_at)
            yield f"{_recipient(notification)}: next attempt {next_attempt}"
        elif notification.state is NotificationState.GIVEN_UP:
            yield f"{_recipient(notification)}: given up"


def _recipient(notification: Notification) -> str:
    return f"{notification.notice.channel} to {notification.notice.destination}"


def _rows(counts: Counts | None) -> str:
    if counts is None:
        return ""
    rejected = f", {counts.rows_rejected:,} rejected" if counts.rows_rejected else ""
    return f": {counts.rows_accepted:,} of {counts.rows_read:,} rows accepted{rejected}"


def _load_to_json(found: Load) -> dict[str, Any]:
    request = asdict(found.request)
    target = request.pop("target")
    whole = {**request, **target, **asdict(found)}
    del whole["request"]
    return _with_lasting_errors(whole)


def _with_lasting_errors(recorded: dict[str, Any]) -> dict[str, Any]:
    """Leave out of recorded errors what was live when they were recorded."""
    return {**recorded, "errors": [without_live_sentence(error) for error in recorded["errors"]]}
