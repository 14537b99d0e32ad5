"""How much of a bare app's speed is left once the gateway does its work, side by side.

Both are served by one uvicorn worker on loopback, one after the other, and called over persistent
connections: first as fast as responses arrive, then at half of the gateway's speed, which shows how
long callers wait.

    python -m benchmarks.gateway [--seconds 5] [--rounds 3] [--connections 16]
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_buckets
from benchmarks.results import write_section

CALL = {"filename": "warehouse.csv", "notifyEmail": "you@example.edu"}
START_SECONDS = 30
SECTION_TEMPLATE = """\
Calls of the webhook beside those of a bare Starlette app with one durable insert, with one worker
each; how long callers wait is measured at half of the gateway's speed.
Medians: {summary}.

| bare, calls a second | gateway | p50 bare, ms | p50 gateway | p99 bare | p99 gateway |
|---|---|---|---|---|---|
{rows}
"""


@dataclass(frozen=True)
class Load:
    """What is sent, over how many connections, how long; a `pace` of 0 is as fast as possible."""

    body: bytes
    seconds: float
    connections: int
    pace: float = 0.0


@dataclass(frozen=True)
class Speed:
    """The calls a second that a server handled, and how long its callers waited."""

    per_second: float
    p50_ms: float
    p99_ms: float


def prepare(settings: Settings) -> str:
    """Add a customer with a file in its bucket; return its API key."""
    settings.home.mkdir(parents=True)
    ledger = Ledger.open(settings.ledger)
    ledger.migrate()
    now = datetime.now(UTC)
    ledger.customers.add(Customer("iqu", "Inter-Quad University", "iqu-feeds"), now)
    key, _ = ledger.keys.issue("iqu", Environment.QA, now)
    ledger.close()
    (settings.home / "warehouse.csv").write_text('"xid"\n"1"\n')
    bucket = open_buckets(settings).create("iqu-feeds")
    bucket.put("qa/warehouse/warehouse.csv", settings.home / "warehouse.csv")
    return key


def measure(command: list[str], port: int, load: Load, **environment: str) -> Speed:
    """Serve from a fresh process and call it."""
    with serve(command, port, environment):
        return asyncio.run(call(port, load))


@contextmanager
def serve(command: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    """Run a server until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_for(port)
            yield
        finally:
            process.terminate()


def wait_for(port: int) -> None:
    """Wait until the port accepts connections."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


async def call(port: int, load: Load) -> Speed:
    """Call from several connections at once."""
    waits: list[float] = []
    started = time.perf_counter()
    async with asyncio.TaskGroup() as callers:
        for index in range(load.connections):
            callers.create_task(call_repeatedly(port, load, started, index, waits))
    cuts = statistics.quantiles(waits, n=100)
    return Speed(len(waits) / (time.perf_counter() - started), cuts[49], cuts[98])


async def call_repeatedly(
    port: int, load: Load, started: float, index: int, waits: list[float]
) -> None:
    """Call from one connection; waits count from when a call was due, not from when it was sent."""
    head = "POST /api/v1/index.cfm/webhook/warehouse HTTP/1.1\r\nHost: localhost\r\n"
    request = f"{head}Content-Length: {len(load.body)}\r\n\r\n".encode() + load.body
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due = started + index / load.pace if load.pace else started
    while time.perf_counter() < started + load.seconds:
        await asyncio.sleep(due - time.perf_counter())
        sent = due if load.pace else time.perf_counter()
        writer.write(request)
        response = await reader.readuntil(b"\r\n\r\n")
        length = response.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        if not response.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"unexpected response: {response.decode()}")
        waits.append(1_000 * (time.perf_counter() - sent))
        due += load.connections / load.pace if load.pace else 0
    writer.close()


def compare(
    folder: Path, number: int, load: Load, environment: dict[str, str]
) -> tuple[list[float], str]:
    """Measure one round and print it; return the ratios of speed and of p99, and a table's row."""
    file, port = f"{folder / 'bare.db'}", int(environment["ALUMNIQ_GATEWAY_PORT"])
    bare = ["benchmarks.gateway_yardstick", file, f"{port}"]
    ours = ["webhook_gateway"]
    fast = measure(bare, port, load), measure(ours, port, load, **environment)
    half = Load(load.body, load.seconds, load.connections, fast[1].per_second / 2)
    calm = measure(bare, port, half), measure(ours, port, half, **environment)
    ratios = [fast[1].per_second / fast[0].per_second, calm[1].p99_ms / calm[0].p99_ms]
    print(
        f"round {number}: {fast[0].per_second:,.0f}/s bare, {fast[1].per_second:,.0f}/s gateway"
        f" ({ratios[0]:.2f} x); at {half.pace:,.0f}/s p50 {calm[0].p50_ms:.1f} and"
        f" {calm[1].p50_ms:.1f} ms, p99 {calm[0].p99_ms:.1f} and {calm[1].p99_ms:.1f} ms"
        f" ({ratios[1]:.2f} x)",
        flush=True,
    )
    waits = (calm[0].p50_ms, calm[1].p50_ms, calm[0].p99_ms, calm[1].p99_ms)
    speeds = (f"{speed.per_second:,.0f}" for speed in fast)
    return ratios, f"| {' | '.join((*speeds, *(f'{wait:.1f}' for wait in waits)))} |"


def main() -> None:
    """Measure in rounds; print each and the medians, and write all into benchmarks/RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as taken:
        folder, port = Path(name), taken.getsockname()[1]
        taken.close()
        settings = Settings(data_dir=folder / "var", gateway_port=port)
        load = Load(
            json.dumps({"apiKey": prepare(settings), **CALL}).encode(),
            chosen.seconds,
            chosen.connections,
        )
        environment = {
            "ALUMNIQ_DATA_DIR": f"{settings.home}",
            "ALUMNIQ_GATEWAY_PORT": f"{port}",
            # Calls are counted, but one caller may make as many as it can.
            "ALUMNIQ_CALLS_PER_MINUTE": "100000000",
            "ALUMNIQ_ADDRESS_CALLS_PER_MINUTE": "100000000",
        }
        rounds = [compare(folder, n + 1, load, environment) for n in range(chosen.rounds)]
    speed, p99 = (
        statistics.median(column) for column in zip(*(ratios for ratios, _ in rounds), strict=True)
    )
    summary = f"{speed:.2f} x the speed (at least 0.6), {p99:.2f} x the p99 (at most 2)"
    print(f"median: {summary}")
    write_section(
        "Gateway",
        SECTION_TEMPLATE.format(summary=summary, rows="\n".join(row for _, row in rounds)),
    )


if __name__ == "__main__":
    with private_umask():
        main()
