"""Which kind of lease the workers of an instance have: its launcher decides where they run."""

import socket

import dagster as dg

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.adapters.ledger.worker_leases import LedgerLeases
from alumniq_pipelines.adapters.worker_locks import FileLeases
from alumniq_pipelines.core.loads.worker_leases import WorkerLeases
from alumniq_pipelines.settings import Settings


def worker_leases(instance: dg.DagsterInstance, ledger: Ledger, settings: Settings) -> WorkerLeases:
    """Return the leases of an instance's workers.

    Dagster's default launcher starts all of them on the code server's machine, where the sensors
    run as well: a lock there shows at once that a process has ended. Others start them anywhere.
    """
    if _has_default_launcher(instance):
        return FileLeases(settings.workers_dir)
    return LedgerLeases(ledger.database, socket.gethostname())


def _has_default_launcher(instance: dg.DagsterInstance) -> bool:
    """Whether Dagster's default launcher starts the runs, by the instance's description.

    The launcher itself is not made where it need not be: that of Kubernetes looks for credentials
    of the cluster, which a run's pod has none of.
    """
    if not instance.is_persistent:
        return isinstance(instance.run_launcher, dg.DefaultRunLauncher)
    launcher = instance.get_ref().run_launcher_data
    return launcher is None or launcher.class_name == dg.DefaultRunLauncher.__name__
