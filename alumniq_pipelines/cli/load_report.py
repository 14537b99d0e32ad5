"""`alumniq load report`: the rejected rows of a load, to be corrected and sent again."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from alumniq_pipelines.cli.installation import ledger_of, operator
from alumniq_pipelines.core.loads.load import JobId
from alumniq_pipelines.core.loads.rejection_report import ReportFormat, report_name
from alumniq_pipelines.core.problems.command import NoReportKept, UnknownLoad, UnusableOutput
from alumniq_pipelines.settings import Settings

Id = Annotated[str, typer.Argument(help="The jobId that the webhook returned.")]
Output = Annotated[Path, typer.Option("--output", help="The file to write, .csv or .xlsx.")]


def report(job_id: Id, output: Output) -> None:
    """Write a load's rejection report: the rejected rows as sent, each with its errors.

    Each download is recorded in the audit trail; if that fails, nothing is written.
    """
    from alumniq_pipelines.wiring import open_archive

    forms = {f".{form}": form for form in ReportFormat}
    form = forms.get(output.suffix.lower())
    if form is None:
        raise UnusableOutput(tuple(forms))
    settings = Settings()
    with ledger_of(settings) as ledger:
        load = ledger.loads.get(JobId(job_id.strip().upper()))
        if load is None:
            raise UnknownLoad(job_id)
        part = output.with_name(f".{output.stem}.part{output.suffix}")
        try:
            part.touch()  # fails here if the path cannot be written: not a fault of the archive
            if not open_archive(settings).get(report_name(load.job_id, form), part):
                raise NoReportKept(load.job_id)
            ledger.audit.add(
                operator(),
                "rejection report read",
                load.job_id,
                datetime.now(UTC),
                detail={"target": str(load.target), "format": form.value},
            )
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
    typer.echo(f"The rejected rows of {load.job_id} are in {output}.")
