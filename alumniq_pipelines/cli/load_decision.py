"""`alumniq load approve|discard|cancel|repeat`: the decisions that staff make about a load."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from alumniq_pipelines.cli.console import print_json
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.settings import Settings

Id = Annotated[str, typer.Argument(help="The jobId that the webhook returned.")]
Reason = Annotated[
    str,
    typer.Option(help="The reason. It is recorded, and the customer of a discarded load sees it."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NotifyOption = Annotated[
    bool,
    typer.Option("--notify", help="Notify the recipients of the original load of the outcome."),
]


def approve(job_id: Id, reason: Reason, *, as_json: Json = False) -> None:
    """Approve a held load: its rows are published exactly as they were checked."""
    from alumniq_pipelines.services import load_actions

    with ledger_of(Settings()) as ledger:
        load = load_actions.approve(ledger, job_id, reason, operator(), datetime.now(UTC))
    _print_result(
        load, f"{load.job_id} is approved; a run will publish it shortly.", as_json=as_json
    )


def discard(job_id: Id, reason: Reason, *, as_json: Json = False) -> None:
    """Discard a held load without publishing it; its customer is notified, if that was asked."""
    from alumniq_pipelines.services import load_actions

    settings = Settings()
    with ledger_of(settings) as ledger:
        load = load_actions.discard(
            ledger,
            job_id,
            reason,
            operator(),
            datetime.now(UTC),
            public_urls=settings.public_urls,
        )
    request = load.request
    what_follows = (
        "its customer is notified of the reason."
        if request.notify_email or request.notify_webhook
        else "nobody is notified: this load has no recipients; its page has the reason."
    )
    _print_result(load, f"{load.job_id} is discarded; {what_follows}", as_json=as_json)


def cancel(job_id: Id, *, as_json: Json = False) -> None:
    """Cancel a load that is queued, requested or running; its customer is notified, if asked."""
    from alumniq_pipelines.services import load_actions

    settings = Settings()
    with ledger_of(settings) as ledger:
        load = load_actions.cancel(
            ledger, job_id, operator(), datetime.now(UTC), public_urls=settings.public_urls
        )
    what_follows = (
        "is canceled after it had begun; nothing of it was published."
        if load.attempts
        else "is canceled; it had not begun."
    )
    _print_result(load, f"{load.job_id} {what_follows}", as_json=as_json)


def repeat(job_id: Id, *, notify: NotifyOption = False, as_json: Json = False) -> None:
    """Load the archived file of a load again, as a new load."""
    from alumniq_pipelines.services import load_actions

    with ledger_of(Settings()) as ledger:
        load = load_actions.repeat(
            ledger, job_id, operator(), datetime.now(UTC), notify_customer=notify
        )
    _print_result(load, f"{load.job_id} will load {load.request.filename} again.", as_json=as_json)


def _print_result(load: Load, message: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"job_id": load.job_id, "state": load.state, "target": str(load.target)})
    else:
        typer.echo(message)
