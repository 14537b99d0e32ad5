"""The table of the ledger about the hosts of the installation."""

from sqlalchemy import Column, String, Table, Text

from alumniq_pipelines.adapters.ledger.tables import metadata

host_values = Table(
    "host_values",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
