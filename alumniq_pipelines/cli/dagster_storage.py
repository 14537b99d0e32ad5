"""Where Dagster keeps its own records: SQLite in its home, or a schema of the ledger's PostgreSQL.

Never the ledger's own schema: both keep the revision of their tables in a table of the same name.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alumniq_pipelines.core.problems.outage import DagsterUnavailable

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from alumniq_pipelines.settings import Settings

SCHEMA = "dagster"
DRIVER = "postgresql+psycopg2"
"""Dagster sends NOTIFY with a parameter: psycopg 3 hands that on, and servers refuse it."""
URL = "DAGSTER_POSTGRES_URL"
"""The variable that Dagster reads the address from: that may hold a password, and the file not."""
STORAGE = f"""
storage:
  postgres:
    postgres_url:
      env: {URL}
"""


def is_postgresql(settings: "Settings") -> bool:
    """Whether Dagster's records go where the ledger is."""
    return settings.ledger.startswith("postgresql")


def storage_environment(settings: "Settings") -> dict[str, str]:
    """Answer what Dagster's programs need in their environment to find their records."""
    if not is_postgresql(settings):
        return {}
    from sqlalchemy import make_url

    url = make_url(settings.ledger).set(drivername=DRIVER)
    own = url.update_query_dict({"options": f"-csearch_path={SCHEMA}"})
    return {URL: own.render_as_string(hide_password=False)}


@contextmanager
def open_instance(settings: "Settings") -> Iterator["DagsterInstance | None"]:
    """Open Dagster's records by the settings alone; None where they were never set up here.

    Raises DagsterUnavailable. They have answered once when this yields.
    """
    if not (settings.dagster_home / "dagster.yaml").exists():
        yield None
        return
    before = dict(os.environ)
    # Dagster's file names the variable, which only its own programs have: `alumniq up` sets it.
    os.environ.update(storage_environment(settings))
    try:
        instance = _connected_instance(settings)
        with instance:
            yield instance
    finally:
        os.environ.clear()
        os.environ.update(before)


def _connected_instance(settings: "Settings") -> "DagsterInstance":
    from dagster import DagsterInstance

    try:
        instance = DagsterInstance.from_config(str(settings.dagster_home))
        instance.all_instigator_state()  # the storages are opened when they are first asked
        instance.get_dynamic_partitions("feeds/none")
    except Exception as fault:  # noqa: BLE001 - Dagster raises whatever its drivers and parsers do
        raise DagsterUnavailable(type(fault).__name__) from None
    return instance


def make_schema(settings: "Settings") -> None:
    """Make the schema; harmless to repeat. Raises LedgerUnavailable."""
    if not is_postgresql(settings):
        return
    from sqlalchemy.schema import CreateSchema

    from alumniq_pipelines.cli.installation import ledger_of

    with ledger_of(settings) as ledger, ledger.database.writing() as connection:
        connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
