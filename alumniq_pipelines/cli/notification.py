"""`alumniq notification`: notifications to customers and staff, with their delivery attempts."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from alumniq_pipelines.cli.console import Limit, OldLimit, format_time, print_json, stdout_console
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.notifications.notification import (
    DeliveryResult,
    Notification,
    NotificationState,
)
from alumniq_pipelines.core.problems.notification import UnknownNotification
from alumniq_pipelines.core.shell import alumniq_command
from alumniq_pipelines.services import load_actions
from alumniq_pipelines.settings import Settings

notification = typer.Typer(
    help="Notifications: list them, show one with its delivery attempts, send one again.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CustomerOption = Annotated[str | None, typer.Option("--customer", help="Only this customer.")]
States = Annotated[
    list[NotificationState] | None,
    typer.Option("--state", help="Only notifications in this state. Repeatable."),
]
Id = Annotated[
    str,
    typer.Argument(help="The id of the notification, as in the list and in the header webhook-id."),
]

DeliveryAttempts = Sequence[tuple[datetime, DeliveryResult]]


@notification.command("list")
def list_notifications(
    customer: CustomerOption = None,
    state: States = None,
    limit: Limit = 50,
    most: OldLimit = None,
    *,
    as_json: Json = False,
) -> None:
    """List notifications, newest first."""
    with ledger_of(Settings()) as ledger:
        found = ledger.notifications.find(
            customer=customer, states=state or (), limit=most or limit
        )
    if as_json:
        print_json([_to_json(entry) for entry in found])
        return
    if not found:
        typer.echo("No notifications.")
        return
    for entry in found:
        delivery_attempts = "1 attempt" if entry.attempts == 1 else f"{entry.attempts} attempts"
        destination = (
            f"{entry.notice.audience}: {entry.notice.channel} to {entry.notice.destination}"
        )
        created = format_time(entry.created_at)
        typer.echo(f"{entry.id}  {entry.state:<9}  {created}  {delivery_attempts}  {destination}")


@notification.command()
def show(notification_id: Id, *, as_json: Json = False) -> None:
    """Show a notification: its text, and the result of each delivery attempt."""
    with ledger_of(Settings()) as ledger:
        found = ledger.notifications.get(notification_id)
        if found is None:
            raise UnknownNotification(notification_id)
        delivery_attempts = ledger.notifications.attempts(found.id)
    if as_json:
        attempts = [
            {
                "at": moment,
                "delivered": result.delivered,
                "detail": result.detail,
                "permanent": result.permanent,
            }
            for moment, result in delivery_attempts
        ]
        print_json(_to_json(found) | {"delivery_attempts": attempts})
        return
    _show(found, delivery_attempts)


@notification.command()
def resend(notification_id: Id, *, as_json: Json = False) -> None:
    """Send a notification again now, with the same id and content, even if it was delivered."""
    with ledger_of(Settings()) as ledger:
        found = load_actions.resend(ledger, notification_id, operator(), datetime.now(UTC))
    if as_json:
        print_json(_to_json(found))
        return
    typer.echo(f"{notification_id} is due now. To see the result, run:")
    typer.echo(f"  {alumniq_command('notification', 'show', notification_id)}")


def _show(found: Notification, delivery_attempts: DeliveryAttempts) -> None:
    from rich.markup import escape

    console, notice = stdout_console(), found.notice
    about = f"load {found.job_id}" if found.job_id else f"incident {found.incident_id}"
    destination = escape(f"{notice.channel} to {notice.destination}")
    console.print(
        f"[bold]{found.id}[/bold] {destination}: [bold]{found.state}[/bold]", soft_wrap=True
    )
    console.print(
        f"{format_time(found.created_at)}  for {notice.audience}, about {about}", soft_wrap=True
    )
    for moment, result in delivery_attempts:
        ended = "delivered" if result.delivered else "failed"
        console.print(f"{format_time(moment)}  {ended}: {escape(result.detail)}", soft_wrap=True)
    if found.state is NotificationState.PENDING:
        console.print(f"{format_time(found.next_attempt_at)}  next attempt", soft_wrap=True)
    if notice.subject:
        console.print(f"\n[bold]{escape(notice.subject)}[/bold]", soft_wrap=True)
    if notice.body:
        console.print(f"\n{escape(notice.body.rstrip())}", soft_wrap=True)


def _to_json(found: Notification) -> dict[str, Any]:
    whole = asdict(found)
    return {**whole.pop("notice"), **whole}
