"""Dagster's code server, whose workers are forked from a process that has imported what they need.

Dagster itself starts a new Python for each run, which imports everything anew: most of the
processor time of a small load (docs/adr/workers-are-forked.md). Run as a program by `alumniq up`,
with the arguments of `dagster`.
"""

import multiprocessing
import pkgutil
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import Any

from dagster._cli import main as run_dagster  # has no public name
from dagster._grpc import server as dagster_server

from alumniq_pipelines import defs
from alumniq_pipelines.defs.program_logs import configure_program_logs
from alumniq_pipelines.settings import Settings

PRELOADED = (
    "alembic.command",
    "alembic.context",
    "alumniq_pipelines.adapters.warehouse.duckdb.warehouse",
    "alumniq_pipelines.adapters.warehouse.postgres.warehouse",
    "alumniq_pipelines.checking.check",
    "alumniq_pipelines.services.attempt",
    "dagster._core.definitions.repository_definition.repository_data_builder",
    "dagster._core.execution.plan.active",
    "dagster._core.executor.in_process",
    "dagster._core.instance.factory",
    "dagster._core.storage.event_log.sqlite",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.migration.utils",
    "dagster._core.storage.root",
    "dagster._core.storage.runs.sqlite",
    "dagster._core.storage.schedules.sqlite",
    "dagster._core.storage.sqlite_storage",
    "dagster._core.utility_ops",
    "dagster._grpc.impl",
    "dagster_postgres",
    "numpy.ma",
    "pycountry",
    "upath.implementations.local",
    *(
        module.name
        for module in pkgutil.walk_packages(defs.__path__, f"{defs.__name__}.")
        if not module.name.endswith((".code_server", ".celery_worker", ".dagster_program"))
    ),
    "alumniq_pipelines.frozen_imports",
)
"""What a run imports, except for the definitions: these read the field maps as they are then.

None of these modules may start a thread or open anything: processes are forked afterwards.
"""


class ForkingApiServer(dagster_server.DagsterApiServer):
    """Starts the process of a run by forking the prepared one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what Dagster's own takes."""
        super().__init__(*arguments, **options)
        self._mp_ctx = multiprocessing.get_context("forkserver")  # type: ignore[assignment]


def main() -> None:
    """Start the prepared process, then serve."""
    configure_program_logs(Settings())
    ForkServerContext().set_forkserver_preload(list(PRELOADED))
    forkserver.ensure_running()
    # Dagster has no setting for it, and makes its server by this name.
    dagster_server.DagsterApiServer = ForkingApiServer  # type: ignore[misc]
    run_dagster()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
