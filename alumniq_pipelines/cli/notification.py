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
    delivery_problem,
    format_result,
)
from alumniq_pipelines.core.problems.notification import UnknownNotification
from alumniq_pipelines.core.shell import alumniq_command
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
        attempts = attempts_to_json(found, delivery_attempts)
        print_json(_to_json(found) | {"delivery_attempts": attempts})
        return
    from rich.markup import escape

    console, notice = stdout_console(), found.notice
    about = f"load {found.job_id}" if found.job_id else f"incident {found.incident_id}"
    destination = escape(f"{notice.channel} to {notice.destination}")
    lines = [
        f"[bold]{found.id}[/bold] {destination}: [bold]{found.state}[/bold]",
        f"{format_time(found.created_at)}  for {notice.audience}, about {about}",
    ]
    for at, result in delivery_attempts:
        ended = "delivered" if result.delivered else "failed"
        lines.append(f"{format_time(at)}  {ended}: {escape(format_result(notice.channel, result))}")
    if found.state is NotificationState.PENDING:
        lines.append(f"{format_time(found.next_attempt_at)}  next attempt")
    if notice.subject:
        lines.append(f"\n[bold]{escape(notice.subject)}[/bold]")
    if notice.body:
        lines.append(f"\n{escape(notice.body.rstrip())}")
    for line in lines:
        console.print(line, soft_wrap=True)


@notification.command()
def resend(notification_id: Id, *, as_json: Json = False) -> None:
    """Send a notification again now, with the same id and content, even if it was delivered."""
    from alumniq_pipelines.services import load_actions

    with ledger_of(Settings()) as ledger:
        found = load_actions.resend(ledger, notification_id, operator(), datetime.now(UTC))
    if as_json:
        print_json(_to_json(found))
        return
    typer.echo(f"{notification_id} is due now. To see the result, run:")
    typer.echo(f"  {alumniq_command('notification', 'show', notification_id)}")


def attempts_to_json(
    notification: Notification, attempts: Sequence[tuple[datetime, DeliveryResult]]
) -> list[dict[str, Any]]:
    """Return delivery attempts for programs: a stable code beside what people read."""
    channel = notification.notice.channel
    return [
        {
            "at": at,
            "delivered": result.delivered,
            "code": problem.code if (problem := delivery_problem(channel, result)) else None,
            "detail": format_result(channel, result),
            "permanent": result.permanent,
        }
        for at, result in attempts
    ]


def _to_json(found: Notification) -> dict[str, Any]:
    whole = asdict(found)
    return {**whole.pop("notice"), **whole}
