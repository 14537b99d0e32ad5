"""A client of the gateway's benchmark: calls over persistent connections, and how long each took.

It shares two processors with the server that it measures, so it does as little as possible: no
HTTP library, no task for each call.
"""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from functools import partial

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A time of calling; a `pace` of 0 calls a second is as fast as responses arrive."""

    request: bytes
    seconds: float
    connections: int
    pace: float = 0.0


@dataclass(kw_only=True)
class Measured:
    """What slices of one kind showed."""

    seconds: float = 0.0
    client_seconds: float = 0.0
    """Of a processor, which the server did not have."""
    waits: list[float] = field(default_factory=list)
    """Of each call, in milliseconds."""

    @property
    def per_second(self) -> float:
        """Calls a second."""
        return len(self.waits) / self.seconds


async def call(port: int, calls: Slice, measured: Measured) -> None:
    """Call a server for the time of a slice and add what it shows."""
    loop = asyncio.get_running_loop()
    connections = []
    for index in range(calls.connections):
        make = partial(Connection, calls, measured.waits, index)
        _, connection = await loop.create_connection(make, "127.0.0.1", port)
        connections.append(connection)
    started, client_started = loop.time(), time.process_time()
    for connection in connections:
        connection.start(started)
    for connection in connections:
        await connection.ended
    measured.seconds += loop.time() - started
    measured.client_seconds += time.process_time() - client_started
    for connection in connections:
        connection.transport.close()


class Connection(asyncio.Protocol):
    """Makes one call after the other.

    A call waits from the time at which it was due if the connection was still busy then: a server
    that stops for a moment must not be spared the calls of that moment. It waits from the time at
    which it was sent if only this process was late, whose timers have whole milliseconds.
    """

    def __init__(self, calls: Slice, waits: list[float], index: int) -> None:
        """Prepare the calls of the connection of that number."""
        self.calls = calls
        self.waits = waits
        self.index = index
        self.loop = asyncio.get_running_loop()
        self.ended = self.loop.create_future()
        self.received = b""
        self.interval = calls.connections / calls.pace if calls.pace else 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy
        self.transport = transport

    def start(self, started: float) -> None:
        """Make the first call; those of all connections are spread evenly."""
        self.until = started + self.calls.seconds
        self.due = started + self.index / self.calls.pace if self.calls.pace else started
        self.loop.call_at(self.due, self.send)

    def send(self) -> None:
        """Send a call that waits from now on."""
        self.since = self.loop.time()
        self.transport.write(self.calls.request)

    def data_received(self, data: bytes) -> None:
        """Note the response once it is complete, and make the next call when it is due."""
        self.received += data
        head, end, body = self.received.partition(HEAD_END)
        if not end:
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(length):
            return
        if not head.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"unexpected response: {self.received.decode()}")
        now, self.received = self.loop.time(), b""
        self.waits.append(1_000 * (now - self.since))
        self.due = self.due + self.interval if self.interval else now
        if self.due >= self.until or now >= self.until:
            self.ended.set_result(None)
        elif self.due > now:
            self.loop.call_at(self.due, self.send)
        else:
            self.send()
            self.since = self.due

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail if the server has closed the connection."""
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("closed by the server"))
