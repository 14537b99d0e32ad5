"""The programs of the system: gateway, code server, Dagster's web server and daemon.

Both Dagster programs share one code server instead of starting one each: that saves 270 MB and half
of the start-up time. It listens on a socket in a private folder, out of reach of other users.
"""

import json
import os
import socket
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from alumniq_pipelines.cli.dagster_configuration import (
    celery_environment,
    compute_logs_environment,
)
from alumniq_pipelines.cli.dagster_storage import storage_environment
from alumniq_pipelines.cli.redis_servers import worker_responds
from alumniq_pipelines.cli.supervisor import Program
from alumniq_pipelines.defs.celery_config import QUEUE
from alumniq_pipelines.settings import Settings, child_environment

GATEWAY = "gateway"
CODE_SERVER = "code server"
WEB_SERVER = "Dagster UI"
DAEMON = "Dagster daemon"
WORKER = "run worker"
ROLES = (GATEWAY, CODE_SERVER, WEB_SERVER, DAEMON)
"""What runs on one machine; with Celery a worker as well."""

MODULE = (sys.executable, "-m")
DAGSTER = (*MODULE, "alumniq_pipelines.defs.dagster_program")
WORKSPACE = "workspace.yaml"

QUIET = ("--log-level", "warning")
"""At its default level the daemon logs every second that it has nothing to do."""
RESPONSE_SECONDS = 5.0
CODE_SERVER_RESPONSE_SECONDS = 60.0
"""As long as Dagster itself waits for a response of the code server."""

CODE_SERVER_THREADS = 24
"""A sensor's tick and the launch of a run take one each, for seconds. Dagster's default is four
more than there are processors: with as many sensors in their ticks, a launch waits for one.
"""

HEALTH = """
{
  workspaceOrError {
    ... on Workspace { locationEntries { locationOrLoadError { __typename } } }
  }
  instance { daemonHealth { allDaemonStatuses { required healthy lastHeartbeatTime } } }
}
"""


def programs(
    settings: Settings, folder: Path, now: float, roles: Collection[str] = ROLES
) -> Sequence[Sequence[Program]]:
    """Return the programs of some roles in stages.

    `folder` is for the code server's socket and the workspace, `now` the time of the start.
    """
    web = f"http://{settings.dagster_host}:{settings.dagster_port}"
    has_web = WEB_SERVER in roles
    made = (
        (_gateway(settings), _code_server(settings, folder)),
        (
            _web_server(settings, folder, web),
            Program(
                DAEMON,
                [*DAGSTER, "daemon", "run", "-w", str(folder / WORKSPACE), *QUIET],
                # It is asked by way of the web server, if that is here.
                lambda: not has_web or _daemon_is_healthy(_health(web), now),
            ),
            _worker(settings),
        ),
    )
    return [[program for program in stage if program.name in roles] for stage in made]


def _gateway(settings: Settings) -> Program:
    url = f"http://{settings.gateway_host}:{settings.gateway_port}/readyz"
    return Program(GATEWAY, [*MODULE, "webhook_gateway"], lambda: _responds(url))


def _code_server(settings: Settings, folder: Path) -> Program:
    address = _code_server_address(settings, folder)
    host, _, port = settings.code_server.rpartition(":")
    listening = ["-h", host, "-p", port] if host else ["-s", address.removeprefix("unix:")]
    command = [*MODULE, "alumniq_pipelines.defs.code_server", "api", "grpc", *listening]
    command += ["-m", "alumniq_pipelines.definitions", "--location-name", "alumniq_pipelines"]
    command += [*QUIET, "--max-workers", str(CODE_SERVER_THREADS)]
    return Program(
        CODE_SERVER,
        command,
        lambda: _listens(address),
        lambda: code_server_responds(address),
    )


def _web_server(settings: Settings, folder: Path, web: str) -> Program:
    address = ["-h", settings.dagster_host, "-p", str(settings.dagster_port)]
    command = [*DAGSTER, "webserver", "-w", str(folder / WORKSPACE), *address]
    return Program(WEB_SERVER, command, lambda: _has_loaded(_health(web)))


def _worker(settings: Settings) -> Program:
    name = f"{os.getpid()}@{socket.gethostname()}"
    command = [*MODULE, "celery", "--app", "alumniq_pipelines.defs.celery_worker", "worker"]
    command += ["--queues", QUEUE, "--concurrency", str(settings.worker_processes)]
    command += ["--hostname", name, "--without-gossip", "--without-mingle"]
    command += ["--loglevel", "warning"]
    return Program(WORKER, command, lambda: worker_responds(settings, 1, name))


def _code_server_address(settings: Settings, folder: Path) -> str:
    """Return the address of the code server for gRPC: of a socket in a folder, or host and port."""
    return settings.code_server or f"unix:{folder / 'code.sock'}"


def write_workspace(settings: Settings, folder: Path) -> None:
    """Write the workspace file that points Dagster to the code server.

    The location has the same name as in the repository's workspace.yaml.
    """
    host, _, port = settings.code_server.rpartition(":")
    server: dict[str, Any] = (
        {"host": host, "port": int(port)} if host else {"socket": str(folder / "code.sock")}
    )
    workspace = {"load_from": [{"grpc_server": {**server, "location_name": "alumniq_pipelines"}}]}
    (folder / WORKSPACE).write_text(json.dumps(workspace), encoding="utf-8")


def programs_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables of the programs."""
    return {
        **child_environment(settings),
        **storage_environment(settings),
        **compute_logs_environment(settings),
        **celery_environment(settings),
        "DAGSTER_HOME": str(settings.dagster_home),
        "PYTHONUNBUFFERED": "1",
    }


def _listens(address: str) -> bool:
    if address.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(address.removeprefix("unix:")) == 0
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), RESPONSE_SECONDS).close()
    except OSError:
        return False
    return True


def code_server_responds(address: str) -> bool:
    """Whether the code server that listens there can still start and stop runs.

    Dagster's health check always says so. But if a run is stopped whose worker was paused and then
    killed, the code server waits for that worker for ever (multiprocessing.Event.set waits until
    the others have woken up), with the lock that every run needs. Listing the runs needs it, too.
    """
    import grpc

    with grpc.insecure_channel(address) as channel:
        list_runs = channel.unary_unary("/api.DagsterApi/GetCurrentRuns")
        try:
            list_runs(b"", timeout=CODE_SERVER_RESPONSE_SECONDS)
        except grpc.RpcError:
            return False
    return True


def _responds(url: str) -> bool:
    import httpx

    try:
        response = httpx.get(url, timeout=RESPONSE_SECONDS, trust_env=False)
    except httpx.HTTPError:
        return False
    return response.is_success


def _health(web: str) -> dict[str, Any]:
    """Return Dagster's health by GraphQL; empty while it does not respond yet."""
    import httpx

    query = {"query": HEALTH}
    try:
        response = httpx.post(
            f"{web}/graphql", json=query, timeout=RESPONSE_SECONDS, trust_env=False
        )
        health: dict[str, Any] = response.raise_for_status().json()["data"]
    except httpx.HTTPError:
        return {}
    return health


def _has_loaded(health: dict[str, Any]) -> bool:
    entries = health.get("workspaceOrError", {}).get("locationEntries", [])
    states = [(entry["locationOrLoadError"] or {}).get("__typename") for entry in entries]
    return states == ["RepositoryLocation"]


def _daemon_is_healthy(health: dict[str, Any], since: float) -> bool:
    """Whether every required part of the daemon is healthy and has sent a heartbeat since then."""
    statuses = health.get("instance", {}).get("daemonHealth", {}).get("allDaemonStatuses", [])
    needed = [status for status in statuses if status["required"]]
    return bool(needed) and all(
        status["healthy"] and (status["lastHeartbeatTime"] or 0) > since for status in needed
    )
