"""The Redis servers of the Celery workers: whether they, and workers by way of them, respond."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from alumniq_pipelines.core.problems.hosts import QueueUnavailable
from alumniq_pipelines.run_queue import CELERY, REDIS_PREFIXES
from alumniq_pipelines.settings import Settings

RESPONSE_SECONDS = 5.0

BROKER, BACKEND = "ALUMNIQ_CELERY_BROKER_URL", "ALUMNIQ_CELERY_BACKEND_URL"


def check_redis(settings: Settings) -> None:
    """Raise QueueUnavailable for the first server that does not respond."""
    for problem in unavailable_servers(settings):
        raise problem


def unavailable_servers(settings: Settings) -> Iterator[QueueUnavailable]:
    """Yield the servers of the queue and of the results that do not respond to our password."""
    if settings.launcher != CELERY:
        return
    urls = {BROKER: settings.celery_broker_url, BACKEND: settings.celery_backend_url}
    for setting, secret in urls.items():
        url = "" if secret is None else secret.get_secret_value()
        if url.startswith(REDIS_PREFIXES) and (reason := _fault(url)):
            yield QueueUnavailable(setting, address_of(url), reason)


def worker_responds(settings: Settings, seconds: float, name: str | None = None) -> bool:
    """Whether a worker responds by way of the queue: the one of a name, or any."""
    from celery import Celery

    broker = settings.celery_broker_url
    app = Celery(broker=broker.get_secret_value() if broker else None, set_as_current=False)
    connection = app.connection_for_write()
    try:
        with connection:
            names = None if name is None else [name]
            return bool(app.control.ping(names, timeout=seconds, limit=1, connection=connection))
    except connection.connection_errors:
        return False


def address_of(url: str) -> str:
    """Return host and port of a URL, or a word for a socket, and nothing secret."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an unreadable address"
    if not host:
        return "a socket of this host"
    return f"{host}:{port}" if port else host


def _fault(url: str) -> str:
    """Return the class of error of a connection; empty if the server responds."""
    from redis import Redis, RedisError

    try:
        with Redis.from_url(
            url, socket_connect_timeout=RESPONSE_SECONDS, socket_timeout=RESPONSE_SECONDS
        ) as server:
            server.ping()
    except (RedisError, OSError, ValueError) as error:
        return type(error).__name__
    return ""
