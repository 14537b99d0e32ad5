"""`alumniq migrate`: create or upgrade the tables of the ledger and of Dagster."""

import typer

from alumniq_pipelines.settings import Settings


def migrate() -> None:
    """Create the tables of the ledger and of Dagster, or upgrade them to this release.

    With PostgreSQL, run it once per release, before its programs start. Those of the release before
    may be running meanwhile. With SQLite, `alumniq up` does it by itself. Which keys and field maps
    all hosts must have is recorded as they are on this one: run it again after changing them.
    """
    from alumniq_pipelines.cli.home import migrate as migrate_tables

    migrate_tables(Settings())
    typer.echo("The tables of the ledger and of Dagster are those of this release.")
