"""Where runs are carried out: the launchers, and the queue of the workers on other hosts."""

from alumniq_pipelines.core.problems.settings import UnusableBackend, UnusableBroker
from alumniq_pipelines.settings import Settings

LOCAL = "local"
"""The launcher whose runs are processes of the code server, on its machine."""
CELERY = "celery"

REDIS_PREFIXES = ("redis://", "rediss://")
DATABASE_PREFIX = "db+"
OWN_FILE_PREFIX = "db+sqlite"


def check_queue(settings: Settings) -> None:
    """Raise UnusableBroker or UnusableBackend if the queue of the workers is not what it must be.

    Celery's rpc:// answers that a task is pending which it does not know: Dagster would take its
    run for dead. A database in a file is on one host.
    """
    if settings.launcher != CELERY:
        return
    broker, backend = settings.celery_broker_url, settings.celery_backend_url
    if broker is not None and not broker.get_secret_value().startswith(REDIS_PREFIXES):
        raise UnusableBroker
    url = "" if backend is None else backend.get_secret_value()
    is_shared = url.startswith(DATABASE_PREFIX) and not url.startswith(OWN_FILE_PREFIX)
    if url and not is_shared and not url.startswith(REDIS_PREFIXES):
        raise UnusableBackend
