"""Resources: the adapters, opened for a run or a tick and closed after it; no behaviour.

They are functions of the settings, not fields of a resource's config: Dagster shows config in its
UI and stores it with runs, and some settings are secrets. What only runs need is imported by them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.bucket import Buckets
from alumniq_pipelines.defs.worker_leases import worker_leases
from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.files.scratch import sweep
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.telemetry.tracing import flush_spans
from alumniq_pipelines.warehouse_wiring import open_warehouse
from alumniq_pipelines.wiring import open_archive, open_buckets, trace_if_configured


def resources(settings: Settings) -> dict[str, dg.ResourceDefinition]:
    """Define the resources of assets and sensors."""

    def ledger(_: dg.InitResourceContext) -> Iterator[Ledger]:
        with open_ledger(settings) as opened:
            yield opened

    def worker(context: dg.InitResourceContext) -> Iterator[None]:
        run, instance = context.run, context.instance
        if run is None or instance is None:  # no run: nobody waits for this process
            yield
            return
        # A run has a process of its own, however it was started: DuckDB's files are private, too.
        trace_if_configured("alumniq-worker")
        with private_umask(), open_ledger(settings) as opened:
            leases = worker_leases(instance, opened, settings)
            sweep(settings.scratch_dir)
            try:
                with leases.hold(run.run_id):
                    yield
            finally:
                flush_spans()  # the process of a run ends without further ado

    return {
        "ledger": _resource(ledger, "The control database."),
        "buckets": _resource(
            lambda _: open_buckets(settings, _s3_buckets), "Where customers upload their files."
        ),
        "archive": _resource(lambda _: open_archive(settings), "Received files and held rows."),
        "warehouse": _resource(lambda _: open_warehouse(settings), "Where versions are published."),
        "worker": _resource(worker, "Shows that the run's process is alive."),
    }


@contextmanager
def open_ledger(settings: Settings) -> Iterator[Ledger]:
    """Open the ledger for a block; it is made first if there is none.

    Sensors that tick every 5 seconds open it so, not as a resource: to provide resources, Dagster
    opens its own storage first, which takes several times as long as an idle tick's work.
    """
    opened = Ledger.open(settings.ledger)
    try:
        path = opened.database.path
        if path and not path.exists():  # so that a plain `dagster dev` works by itself
            opened.migrate()
        yield opened
    finally:
        opened.close()


def _s3_buckets(settings: Settings) -> Buckets:
    from alumniq_pipelines.defs.s3_store import s3_buckets  # only S3 needs dagster-aws

    return s3_buckets(settings)


def _resource(
    opening: Callable[[dg.InitResourceContext], object], description: str
) -> dg.ResourceDefinition:
    return dg.ResourceDefinition(opening, description=description)
