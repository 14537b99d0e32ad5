"""The tables of the ledger about Dagster's runs and sensors; all others are in tables.py."""

from sqlalchemy import Column, String, Table

from alumniq_pipelines.adapters.ledger.column_types import UtcDateTime
from alumniq_pipelines.adapters.ledger.tables import metadata

worker_leases = Table(
    "worker_leases",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("taken_at", UtcDateTime, nullable=False),
    Column("renewed_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)

unknown_runs = Table(
    "unknown_runs",
    metadata,
    Column("job_id", String(64), primary_key=True),
    Column("target", String(200), nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
)

sensor_ticks = Table(
    "sensor_ticks",
    metadata,
    Column("sensor", String(100), primary_key=True),
    Column("ticked_at", UtcDateTime, nullable=False),
)
