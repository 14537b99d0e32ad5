"""How much of a bare app's speed is left once the gateway does its work, side by side.

Both are served by one uvicorn worker each on loopback, and called in turn in short slices over
persistent connections: first as fast as responses arrive, then at half of the gateway's speed,
which shows how long callers wait.

    python -m benchmarks.gateway [--seconds 1] [--rounds 5] [--connections 16]
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from alumniq_pipelines.adapters.ledger.ledger import Ledger
from alumniq_pipelines.core.loads.customer import Customer
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.files.private_files import private_umask
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.wiring import open_buckets
from benchmarks.gateway_client import Measured, Slice, call
from benchmarks.results import write_section

CALL = {"filename": "warehouse.csv", "notifyEmail": "you@example.edu"}
START_SECONDS = 30
WARM_UP_SECONDS = 2.0
SPEED_SLICES = 4
WAIT_SLICES = 8
"""Of each server in a round, in alternation; waits take more calls than speed to be known."""

SECTION_TEMPLATE = """\
Calls of the webhook beside those of a bare Starlette app with one durable insert, with one worker
each. Both are called in turn, in slices of {seconds:g} s; first as fast as responses arrive, over
{connections} connections, then at half of the gateway's speed, which shows how long callers wait.

Medians of the ratios of {rounds} rounds: {summary}.

| bare, calls/s | gateway | ratio | p50 bare, ms | gateway | ratio | p99 bare | gateway | ratio |
|---|---|---|---|---|---|---|---|---|
{rows}
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server to call: a module with its arguments, its settings and the port it listens on."""

    command: tuple[str, ...]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Round:
    """What both servers showed in a round; of two values, the first is that of the bare app."""

    per_second: tuple[float, float]
    p50: tuple[float, float]
    p99: tuple[float, float]
    client_cores: float

    @property
    def values(self) -> list[tuple[float, float]]:
        """The pairs of values, in the order of the table."""
        return [self.per_second, self.p50, self.p99]

    @property
    def ratios(self) -> list[float]:
        """The gateway's values by those of the bare app."""
        return [gateway / bare for bare, gateway in self.values]

    @property
    def row(self) -> str:
        """The round as a row of the table."""
        cells = []
        for (bare, gateway), ratio, digits in zip(self.values, self.ratios, (0, 1, 1), strict=True):
            cells += [f"{bare:,.{digits}f}", f"{gateway:,.{digits}f}", f"{ratio:.2f}"]
        return f"| {' | '.join(cells)} |"


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


@contextmanager
def serve(server: Server) -> Iterator[None]:
    """Run a server until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", *server.command],
        env={**os.environ, **server.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_for(server.port)
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


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


async def alternate(
    servers: tuple[Server, Server], calls: Slice, slices: int
) -> tuple[Measured, Measured]:
    """Call both servers in turn, so that what else the machine does happens to both."""
    measured = Measured(), Measured()
    for number in range(slices):
        # The one that comes second in one pair of slices comes first in the next.
        for index in (0, 1) if number % 2 else (1, 0):
            await call(servers[index].port, calls, measured[index])
    return measured


async def compare(servers: tuple[Server, Server], calls: Slice) -> Round:
    """Measure one round: speed, then waits at one pace for both."""
    bare, gateway = await alternate(servers, calls, SPEED_SLICES)
    paced = replace(calls, pace=gateway.per_second / 2)
    calm = await alternate(servers, paced, WAIT_SLICES)
    cuts = [statistics.quantiles(measured.waits, n=100) for measured in calm]
    everything = (bare, gateway, *calm)
    return Round(
        per_second=(bare.per_second, gateway.per_second),
        p50=(cuts[0][49], cuts[1][49]),
        p99=(cuts[0][98], cuts[1][98]),
        client_cores=sum(part.client_seconds for part in everything)
        / sum(part.seconds for part in everything),
    )


async def run(servers: tuple[Server, Server], calls: Slice, rounds: int) -> list[Round]:
    """Measure in rounds, and print each."""
    await alternate(servers, replace(calls, seconds=WARM_UP_SECONDS), 1)
    done = []
    for number in range(rounds):
        done.append(await compare(servers, calls))
        print(f"round {number + 1}: {done[-1].row} client: {done[-1].client_cores:.2f} cores")
        sys.stdout.flush()
    return done


def request_of(key: str) -> bytes:
    """Return the bytes of a call."""
    body = json.dumps({"apiKey": key, **CALL}).encode()
    head = "POST /api/v1/index.cfm/webhook/warehouse HTTP/1.1\r\nHost: localhost\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def summary_of(rounds: Sequence[Round]) -> str:
    """Return the medians of the ratios beside their budgets."""
    speed, p50, p99 = (
        statistics.median(column)
        for column in zip(*(measured.ratios for measured in rounds), strict=True)
    )
    return (
        f"{speed:.2f} x the speed (at least 0.8), {p50:.2f} x the p50 (at most 2),"
        f" {p99:.2f} x the p99 (at most 1.5)"
    )


def main() -> None:
    """Measure in rounds; print each and the medians, and write all into benchmarks/RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway")
    parser.add_argument("--seconds", type=float, default=1, help="length of a slice")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, ports = Path(name), (free_port(), free_port())
        settings = Settings(data_dir=folder / "var", gateway_port=ports[1])
        calls = Slice(
            request=request_of(prepare(settings)),
            seconds=chosen.seconds,
            connections=chosen.connections,
        )
        bare = Server(
            command=("benchmarks.gateway_yardstick", f"{folder / 'bare.db'}", f"{ports[0]}"),
            port=ports[0],
        )
        gateway = Server(
            command=("webhook_gateway",),
            port=ports[1],
            environment={
                "ALUMNIQ_DATA_DIR": f"{settings.home}",
                "ALUMNIQ_GATEWAY_PORT": f"{ports[1]}",
                # Calls are counted, but one caller may make as many as it can.
                "ALUMNIQ_CALLS_PER_MINUTE": "100000000",
                "ALUMNIQ_ADDRESS_CALLS_PER_MINUTE": "100000000",
            },
        )
        with serve(bare), serve(gateway):
            rounds = asyncio.run(run((bare, gateway), calls, chosen.rounds))
    summary = summary_of(rounds)
    print(f"median: {summary}")
    section = SECTION_TEMPLATE.format(
        seconds=chosen.seconds,
        connections=chosen.connections,
        rounds=len(rounds),
        summary=summary,
        rows="\n".join(measured.row for measured in rounds),
    )
    write_section("Gateway", section)


if __name__ == "__main__":
    with private_umask():
        main()
