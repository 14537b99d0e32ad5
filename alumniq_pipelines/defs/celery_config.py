"""How run workers and the launcher use Celery, beyond what dagster-celery sets by itself."""

from typing import Any

QUEUE = "dagster"
BROKER_URL = "DAGSTER_CELERY_BROKER_URL"
BACKEND_URL = "DAGSTER_CELERY_BACKEND_URL"
"""The variables that dagster.yaml names: they may hold passwords, so the file must not."""

MAX_RUN_SECONDS = 4 * 3600
"""Longer than any run: a task of Redis that is not acknowledged for so long is given out again."""

CELERY: dict[str, Any] = {
    # A process for each run, forked from one that has imported everything.
    "worker_max_tasks_per_child": 1,
    # A worker takes no run that it cannot begin at once: another host may be idle.
    "worker_disable_prefetch": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": {"visibility_timeout": MAX_RUN_SECONDS, "max_retries": 3},
    "redis_socket_timeout": 30,
    "redis_socket_connect_timeout": 5,
    "redis_socket_keepalive": True,
    "result_expires": 86_400,
}
