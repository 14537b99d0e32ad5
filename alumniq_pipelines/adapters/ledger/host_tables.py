"""The tables of the ledger about the programs of the installation and their hosts."""

from sqlalchemy import Column, String, Table, Text

from alumniq_pipelines.adapters.ledger.column_types import UtcDateTime
from alumniq_pipelines.adapters.ledger.tables import metadata

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

host_values = Table(
    "host_values",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
