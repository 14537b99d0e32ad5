"""`alumniq load`: what was accepted, what became of it, and who was told."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.console import for_people, print_json, when
from alumniq_pipelines.cli.hold_display import (
    change_lines,
    hold_events,
    hold_told,
    waiting_lines,
)
from alumniq_pipelines.cli.installation import ledger_of
from alumniq_pipelines.cli.load_decision import approve, discard, repeat
from alumniq_pipelines.cli.load_report import report
from alumniq_pipelines.core.loads.check_result import Counts
from alumniq_pipelines.core.loads.load import JobId, Load, LoadState
from alumniq_pipelines.core.loads.outcome import Attempt
from alumniq_pipelines.core.notifications.notification import (
    DeliveryResult,
    Notification,
    NotificationState,
)
from alumniq_pipelines.core.problems.command import UnknownLoad
from alumniq_pipelines.settings import Settings

load = typer.Typer(
    help="Loads: list them, show one whole, decide on held ones, repeat.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Whose = Annotated[str | None, typer.Option("--customer", help="Only this customer's.")]
States = Annotated[list[LoadState] | None, typer.Option("--state", help="Only in these states.")]
Most = Annotated[int, typer.Option("--most", min=1, help="At most so many.")]
Id = Annotated[str, typer.Argument(help="The jobId that the webhook answered with.")]

Event = tuple[datetime, str]
Told = tuple[Notification, Sequence[tuple[datetime, DeliveryResult]]]


load.command()(approve)
load.command()(discard)
load.command()(repeat)
load.command()(report)


@load.command("list")
def list_loads(
    customer: Whose = None, state: States = None, most: Most = 50, *, as_json: Json = False
) -> None:
    """List loads, newest first."""
    with ledger_of(Settings()) as ledger:
        loads = ledger.loads.find(customer=customer, states=state or (), most=most)
    if as_json:
        print_json([_load_told(each) for each in loads])
        return
    if not loads:
        typer.echo("No loads.")
        return
    for each in loads:
        # One line each, whatever the width: these lines are searched and cut.
        moment, target = when(each.accepted_at), str(each.target)
        typer.echo(f"{each.job_id}  {each.state:<9}  {moment}  {target}{_rows(each.counts)}")


@load.command()
def show(job_id: Id, *, as_json: Json = False) -> None:
    """Show one load: its way, the attempts at it, its errors, and who was told."""
    with ledger_of(Settings()) as ledger:
        found = ledger.loads.get(JobId(job_id.strip().upper()))
        if found is None:
            raise UnknownLoad(job_id)
        attempts = ledger.loads.attempts(found.job_id)
        hold = ledger.holds.get(found.job_id)
        told = [
            (each, ledger.notifications.attempts(each.id))
            for each in ledger.notifications.of(found.job_id)
        ]
    if as_json:
        print_json({**_whole(found, attempts, told), "hold": hold_told(hold)})
        return
    from rich.markup import escape

    console = for_people()
    console.print(f"[bold]{found.job_id}[/bold] {found.target}: [bold]{found.state}[/bold]")
    events = [*_work(attempts), *hold_events(hold), *_way(found), *_telling(told)]
    for moment, event in sorted(events, key=itemgetter(0)):  # stable: what happens at once stays so
        console.print(f"{when(moment)}  {escape(event)}", soft_wrap=True)
    for error in found.errors:
        console.print(f"[red]Error:[/red] {escape(error)}", soft_wrap=True)
    for remark in found.remarks:
        console.print(f"{remark.severity.capitalize()}: {escape(str(remark))}", soft_wrap=True)
    for line in (*change_lines(found), *waiting_lines(found, hold)):
        console.print(escape(line), soft_wrap=True)
    for owed in _owed(told):
        console.print(escape(owed), soft_wrap=True)


def _way(found: Load) -> Iterator[Event]:
    """Tell the load's own moves."""
    request = found.request
    size = "" if request.size_bytes is None else f", {request.size_bytes:,} bytes"
    yield found.accepted_at, f"accepted {request.filename}{size}; by {request.origin}"
    if found.requested_at is not None:
        yield found.requested_at, "run requested"
    if found.ended_at is not None:
        yield found.ended_at, f"{found.state}{_rows(found.counts)}"


def _work(attempts: Sequence[Attempt]) -> Iterator[Event]:
    """Tell how each attempt began and ended."""
    for each in attempts:
        if each.started_at is not None:
            yield each.started_at, f"attempt {each.number} began, run {each.run_id}"
        if each.ended_at is not None:
            why = "".join(f"; {error}" for error in each.errors)
            yield each.ended_at, f"attempt {each.number} {each.result}{_rows(each.counts)}{why}"


def _telling(told: Sequence[Told]) -> Iterator[Event]:
    """Tell of each attempt to deliver a notification."""
    for notification, tries in told:
        for moment, result in tries:
            ended = "delivered" if result.delivered else "failed"
            yield moment, f"{_named(notification)} {ended}: {result.detail}"


def _owed(told: Sequence[Told]) -> Iterator[str]:
    """Tell what is still to be delivered, and what never will be."""
    for notification, _ in told:
        if notification.state is NotificationState.PENDING:
            yield f"{_named(notification)}: next attempt {when(notification.next_attempt_at)}"
        elif notification.state is NotificationState.GIVEN_UP:
            yield f"{_named(notification)}: given up"


def _named(notification: Notification) -> str:
    return f"{notification.notice.channel} to {notification.notice.destination}"


def _rows(counts: Counts | None) -> str:
    if counts is None:
        return ""
    rejected = f", {counts.rows_rejected:,} rejected" if counts.rows_rejected else ""
    return f": {counts.rows_accepted:,} of {counts.rows_read:,} rows accepted{rejected}"


def _whole(found: Load, attempts: Sequence[Attempt], told: Sequence[Told]) -> dict[str, Any]:
    return {
        **_load_told(found),
        "attempts": [asdict(each) for each in attempts],
        "notifications": [
            {
                "id": each.id,
                **asdict(each.notice),
                "state": each.state,
                "created_at": each.created_at,
                "next_attempt_at": each.next_attempt_at,
                "delivery_attempts": [{"at": at, **asdict(result)} for at, result in tries],
            }
            for each, tries in told
        ],
    }


def _load_told(found: Load) -> dict[str, Any]:
    request = asdict(found.request)
    target = request.pop("target")
    whole = {**request, **target, **asdict(found)}
    del whole["request"]
    return whole
