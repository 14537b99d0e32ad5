"""The gateway as a process: its imports, its response to what is not HTTP, and how it stops."""

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.rejection_report import ReportFormat, report_name
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_archive
from tests.servers.gateway import WEBHOOK, Caller, GatewayProcess, Installation
from webhook_gateway.app import open_app

HEAVY = ("dagster", "pandas", "pandera", "pyarrow", "duckdb", "numpy", "boto3", "alembic")


def test_the_gateway_starts_without_anything_heavy() -> None:
    code = f"""
import sys
import webhook_gateway.app, webhook_gateway.server
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert result.stdout == "[]\n"


@pytest.mark.parametrize(
    "variables",
    [
        {"ALUMNIQ_SCHEMAS_DIR": "/nowhere"},
        {"ALUMNIQ_PUBLIC_URL": "feeds.example.edu"},
        {"ALUMNIQ_QA_PUBLIC_URL": "https://qa-feeds.example.edu"},
    ],
)
def test_invalid_settings_are_reported_in_one_line(variables: dict[str, str]) -> None:
    environment = os.environ | variables
    result = subprocess.run(
        [sys.executable, "-m", "webhook_gateway"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_gateway_that_is_started_first_makes_the_ledger(tmp_path: Path) -> None:
    """It left an empty file, and no program that was started after it could work."""
    settings = Settings(data_dir=tmp_path / "var")
    open_app(settings)
    with closing(Ledger.open(settings.ledger)) as ledger:
        ledger.ping()


def exchange(gateway: GatewayProcess, *parts: bytes) -> bytes:
    """Send bytes unchanged and return everything that comes back."""
    with connected(gateway) as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        response = b""
        while received := connection.recv(65_536):
            response += received
    return response


NO_HTTP = [
    b"hello\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost : x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
]

ENDLESS_HEADS = [b"POST / HTTP/1.1\r\nHost: x\r\nX: ", b"GET /", b"GET / HTTP/1.1\r\n"]


def test_an_endless_head_is_cut_off(gateway: GatewayProcess) -> None:
    for start in ENDLESS_HEADS:
        assert taken(gateway, start, limit=50_000_000) < 10_000_000, start


def taken(gateway: GatewayProcess, start: bytes, limit: int) -> int:
    """Send an endless head and count the bytes that were accepted."""
    more = b"X: y\r\n" * 1_000 if start.endswith(b"\n") else b"x" * 6_000
    sent = 0
    with connected(gateway) as connection, suppress(ConnectionError):
        connection.sendall(start)
        while sent < limit:
            connection.sendall(more)
            sent += len(more)
    return sent


def connected(gateway: GatewayProcess) -> socket.socket:
    """Open a raw connection."""
    host, port = gateway.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def test_what_is_no_http_is_refused_in_shape(gateway: GatewayProcess) -> None:
    for sent in NO_HTTP:
        head, _, body = exchange(gateway, sent).partition(b"\r\n\r\n")

        assert head.startswith(b"HTTP/1.1 400 "), sent[:60]
        assert b"content-type: application/json" in head
        [message] = json.loads(body)["errors"]
        assert message.startswith("The request is not valid HTTP.")


def test_a_caller_who_hangs_up_halfway_leaves_no_load(
    gateway: GatewayProcess, caller: Caller
) -> None:
    head = f"POST {WEBHOOK}?apikey={caller.key} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    exchange(gateway, head.encode(), b'{"filename": "warehouse.csv"}')

    assert gateway.stop() in {0, -signal.SIGTERM}
    assert caller.installation.loads() == []
    log = gateway.log.read_text()
    assert " 499 " in log
    assert "incident" not in log
    assert caller.key not in log


def leave(gateway: GatewayProcess, request: bytes, limit: int = 1) -> None:
    """Send a request, read the first bytes of the response, and reset the connection."""
    with connected(gateway) as connection:
        connection.sendall(request)
        assert connection.recv(limit)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def logged(gateway: GatewayProcess, text: str, seconds: float = 30) -> str:
    """Wait until the log contains a text and return the log."""
    deadline = time.monotonic() + seconds
    while text not in (log := gateway.log.read_text()):
        assert time.monotonic() < deadline, log
        time.sleep(0.01)
    return log


@pytest.mark.parametrize("requests_at_once", [1, 3])
def test_a_client_that_leaves_in_mid_answer_is_a_499_and_no_incident(
    gateway: GatewayProcess, installation: Installation, tmp_path: Path, requests_at_once: int
) -> None:
    caller = installation.customer(now=datetime.now(UTC))
    caller.deliver("warehouse.csv")
    body = {"apiKey": caller.key, "filename": "warehouse.csv"}
    job_id = httpx.post(f"{gateway.url}{WEBHOOK}", json=body, trust_env=False).json()["jobId"]
    large = tmp_path / "large"
    large.write_bytes(os.urandom(32_000_000))
    open_archive(installation.settings).put(report_name(job_id, ReportFormat.CSV), large)
    report = f"/api/v1/loads/{job_id}/report"
    request = f"GET {report}?apikey={caller.key} HTTP/1.1\r\nHost: x\r\n\r\n"

    leave(gateway, request.encode() * requests_at_once)

    log = logged(gateway, f"GET {report} ")
    assert f"GET {report} 499 " in log
    assert "incident" not in log
    assert gateway.stop() in {0, -signal.SIGTERM}
    assert "Traceback" not in gateway.log.read_text()


class Callers:
    """Several concurrent callers, each calling again as soon as it has a response."""

    def __init__(self, gateway: GatewayProcess, key: str, count: int = 8) -> None:
        """Prepare the call."""
        self.gateway = gateway
        self.body = json.dumps({"apiKey": key, "filename": "warehouse.csv"})
        self.job_ids: list[str] = []
        self.faults: list[Exception] = []
        self.threads = [threading.Thread(target=self._call) for _ in range(count)]

    def until(self, condition: Callable[[], bool], then: Callable[[], object]) -> None:
        """Call until a condition holds, then stop the gateway in a given way."""
        for thread in self.threads:
            thread.start()
        deadline = time.monotonic() + 30
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        then()
        for thread in self.threads:
            thread.join(30)

    def _call(self) -> None:
        address = self.gateway.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(address, timeout=30)) as connection:
            while True:
                try:
                    connection.request("POST", WEBHOOK, self.body)
                    body = connection.getresponse().read()
                except ConnectionError:
                    return
                except http.client.HTTPException as half_an_answer:
                    self.faults.append(half_an_answer)
                    return
                self.job_ids.append(json.loads(body)["jobId"])


def test_a_stop_lets_callers_finish_and_loses_no_load(
    gateway: GatewayProcess, installation: Installation
) -> None:
    caller = installation.customer(now=datetime.now(UTC))
    caller.deliver("warehouse.csv")
    callers = Callers(gateway, caller.key)

    callers.until(lambda: len(callers.job_ids) > 50, gateway.stop)

    assert callers.faults == []
    assert len(callers.job_ids) > 50
    # Every accepted call got its response: the recorded loads are exactly the reported ones.
    assert {load.job_id for load in installation.loads()} == set(callers.job_ids)


def test_a_kill_loses_no_load_that_was_answered(
    gateway: GatewayProcess, installation: Installation
) -> None:
    caller = installation.customer(now=datetime.now(UTC))
    caller.deliver("warehouse.csv")
    callers = Callers(gateway, caller.key)

    callers.until(lambda: len(callers.job_ids) > 50, gateway.process.kill)

    assert len(callers.job_ids) > 50
    assert set(callers.job_ids) <= {load.job_id for load in installation.loads()}
