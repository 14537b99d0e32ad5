"""`alumniq load approve|discard|repeat`: what staff decide about a load."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from alumniq_pipelines.cli.console import print_json
from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.loads.load import Load
from alumniq_pipelines.settings import Settings

Id = Annotated[str, typer.Argument(help="The jobId that the webhook answered with.")]
Reason = Annotated[
    str, typer.Option(help="Why; it is kept, and a customer whose load is discarded reads it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
NotifyOption = Annotated[
    bool,
    typer.Option("--notify", help="Tell those of the outcome who were told of the other load's."),
]


def approve(job_id: Id, reason: Reason, *, as_json: Json = False) -> None:
    """Publish a held load, byte for byte as it was judged."""
    from alumniq_pipelines.services import load_actions

    with ledger_of(Settings()) as ledger:
        load = load_actions.approve(ledger, job_id, reason, operator(), datetime.now(UTC))
    _print_result(
        load, f"{load.job_id} will be published by a run that is asked for now.", as_json=as_json
    )


def discard(job_id: Id, reason: Reason, *, as_json: Json = False) -> None:
    """End a held load without publishing it; its customer is told."""
    from alumniq_pipelines.services import load_actions

    settings = Settings()
    with ledger_of(settings) as ledger:
        load = load_actions.discard(
            ledger,
            job_id,
            reason,
            operator(),
            datetime.now(UTC),
            gateway_url=settings.gateway_url,
        )
    _print_result(load, f"{load.job_id} has failed; its customer is told why.", as_json=as_json)


def repeat(job_id: Id, *, notify: NotifyOption = False, as_json: Json = False) -> None:
    """Load again what a load read, from the archive, as a load of its own."""
    from alumniq_pipelines.services import load_actions

    with ledger_of(Settings()) as ledger:
        load = load_actions.repeat(
            ledger, job_id, operator(), datetime.now(UTC), notify_customer=notify
        )
    _print_result(load, f"{load.job_id} loads {load.request.filename} again.", as_json=as_json)


def _print_result(load: Load, message: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"job_id": load.job_id, "state": load.state, "target": str(load.target)})
    else:
        typer.echo(message)
