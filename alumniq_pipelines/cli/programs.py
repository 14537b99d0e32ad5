"""The programs of the system: gateway, code server, Dagster's web server and daemon.

Both Dagster programs share one code server instead of starting one each: that saves 270 MB and half
of the start-up time. It listens on a socket in a private folder, out of reach of other users.
"""

import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alumniq_pipelines.cli.dagster_configuration import compute_logs_environment
from alumniq_pipelines.cli.dagster_storage import storage_environment
from alumniq_pipelines.cli.supervisor import Program
from alumniq_pipelines.settings import Settings, child_environment

GATEWAY = "gateway"
CODE_SERVER = "code server"
WEB_SERVER = "Dagster UI"
DAEMON = "Dagster daemon"

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


def programs(settings: Settings, folder: Path, now: float) -> Sequence[Sequence[Program]]:
    """Return the programs in stages; `folder` is for the socket, `now` the time of the start."""
    listening = folder / "code.sock"
    workspace = str(folder / "workspace.yaml")
    module = [sys.executable, "-m"]
    web = f"http://{settings.dagster_host}:{settings.dagster_port}"
    gateway = f"http://{settings.gateway_host}:{settings.gateway_port}/readyz"
    address = ["-h", settings.dagster_host, "-p", str(settings.dagster_port)]
    code = ["-s", str(listening), "-m", "alumniq_pipelines.definitions"]
    named = ["--location-name", "alumniq_pipelines", *QUIET]
    threads = ["--max-workers", str(CODE_SERVER_THREADS)]
    return (
        (
            Program(GATEWAY, [*module, "webhook_gateway"], lambda: _responds(gateway)),
            Program(
                CODE_SERVER,
                [
                    *module,
                    "alumniq_pipelines.defs.code_server",
                    "api",
                    "grpc",
                    *code,
                    *named,
                    *threads,
                ],
                lambda: _listens(listening),
                lambda: code_server_responds(listening),
            ),
        ),
        (
            Program(
                WEB_SERVER,
                [*module, "dagster_webserver", "-w", workspace, *address],
                lambda: _has_loaded(_health(web)),
            ),
            Program(
                DAEMON,
                [*module, "dagster._daemon", "run", "-w", workspace, *QUIET],
                lambda: _daemon_is_healthy(_health(web), now),
            ),
        ),
    )


def write_workspace(folder: Path) -> None:
    """Write the workspace file that points Dagster to the code server.

    The location has the same name as in the repository's workspace.yaml.
    """
    server = {"socket": str(folder / "code.sock"), "location_name": "alumniq_pipelines"}
    workspace = {"load_from": [{"grpc_server": server}]}
    (folder / "workspace.yaml").write_text(json.dumps(workspace), encoding="utf-8")


def programs_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables of the programs."""
    return {
        **child_environment(settings),
        **storage_environment(settings),
        **compute_logs_environment(settings),
        "DAGSTER_HOME": str(settings.dagster_home),
        "PYTHONUNBUFFERED": "1",
    }


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def code_server_responds(path: Path) -> bool:
    """Whether the code server that listens on a socket can still start and stop runs.

    Dagster's health check always says so. But if a run is stopped whose worker was paused and then
    killed, the code server waits for that worker for ever (multiprocessing.Event.set waits until
    the others have woken up), with the lock that every run needs. Listing the runs needs it, too.
    """
    import grpc

    with grpc.insecure_channel(f"unix:{path}") as channel:
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
