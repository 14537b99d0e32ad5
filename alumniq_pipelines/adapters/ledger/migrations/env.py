"""Alembic's entry point: on a connection of the ledger, or by `alembic -x ledger=URL`."""

from alembic import context
from sqlalchemy import Connection

from alumniq_pipelines.adapters.ledger.database import Database
from alumniq_pipelines.adapters.ledger.host_tables import host_values
from alumniq_pipelines.adapters.ledger.run_tables import worker_leases

NEWEST_TABLES = (host_values, worker_leases)
"""The modules of these tables import those of all others."""


def run(connection: Connection) -> None:
    """Run the migrations of Alembic's command, in the connection's transaction."""
    # SQLite can hardly alter tables: `render_as_batch` generates migrations that copy them.
    metadata = NEWEST_TABLES[0].metadata
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given_connection = context.config.attributes.get("connection")
if given_connection is not None:
    run(given_connection)
else:
    url = context.get_x_argument(as_dictionary=True)["ledger"]
    with Database.open(str(url)).writing() as own:
        run(own)
