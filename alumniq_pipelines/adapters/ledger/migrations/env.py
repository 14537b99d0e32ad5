"""Alembic's way in: run by the ledger on its own connection, or by `alembic` on the settings'."""

from alembic import context
from sqlalchemy import Connection

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.tables import metadata
from alumniq_pipelines.settings import Settings


def run(connection: Connection) -> None:
    """Run the migrations that Alembic's command asks for, in the connection's transaction."""
    # SQLite alters little in place: `render_as_batch` writes migrations that copy the table.
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Ledger.open(Settings().ledger).database.writing() as own:
        run(own)
