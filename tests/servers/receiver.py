"""A real server for tests: receives callbacks on loopback, and misbehaves on request."""

import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass(frozen=True)
class Received:
    """One request; names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"


@dataclass
class Receiver:
    """The requests received, and how to respond: with `answers` in order, then with 200."""

    url: str
    received: list[Received] = field(default_factory=list)
    answers: deque["Response"] = field(default_factory=deque)
    by_path: dict[str, "Response"] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int, seconds: float = 30.0) -> list[Received]:
        """Wait for this many requests; fail the test if they do not arrive."""
        with self.arrived:
            arrived = self.arrived.wait_for(lambda: len(self.received) >= count, seconds)
        assert arrived, f"{len(self.received)} of {count} requests arrived within {seconds} seconds"
        return list(self.received)

    def add(self, request: Received) -> "Response":
        """Record a request and return how to respond to it."""
        with self.arrived:
            self.received.append(request)
            self.arrived.notify_all()
            if request.path in self.by_path:
                return self.by_path[request.path]
            return self.answers.popleft() if self.answers else status(200)


Response = Callable[[BaseHTTPRequestHandler, threading.Event], None]
"""Writes a response; a slow one ends when the event is set."""


def status(code: int, **headers: str) -> Response:
    """Send a status, headers (underscores become hyphens) and no body."""

    def answer(handler: BaseHTTPRequestHandler, closing: threading.Event) -> None:
        del closing
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def never_answer(handler: BaseHTTPRequestHandler, closing: threading.Event) -> None:
    """Never respond."""
    del handler
    closing.wait()


def trickle(handler: BaseHTTPRequestHandler, closing: threading.Event) -> None:
    """Send a header every 50 milliseconds, without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not closing.wait(0.05):
        handler.wfile.write(b"X-More: yes\r\n")


def endless_body(handler: BaseHTTPRequestHandler, closing: threading.Event) -> None:
    """Succeed, then send a compressed body without end."""
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.end_headers()
    while not closing.is_set():
        handler.wfile.write(b"\x1f\x8b" + b"0" * 65_536)


def long_header(handler: BaseHTTPRequestHandler, closing: threading.Event) -> None:
    """Send one header without end, as fast as it is taken."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not closing.is_set():
        handler.wfile.write(b"a" * 65_536)


def many_headers(handler: BaseHTTPRequestHandler, closing: threading.Event) -> None:
    """Send headers without end, as fast as they are taken."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not closing.is_set():
        handler.wfile.write(b"X-More: yes\r\n" * 1_000)


def raw(line: bytes) -> Response:
    """Send these bytes, then hang up."""

    def answer(handler: BaseHTTPRequestHandler, closing: threading.Event) -> None:
        del closing
        handler.wfile.write(line)

    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: some tests are about callers that disconnect."""


@contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver on a free port of loopback, with TLS if a context is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.path, headers, body, self.command)
            running.add(received)(self, running.closing)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    server = _Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if context is None else "https"
    running = Receiver(f"{scheme}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield running
    finally:
        running.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of callbacks that answers 200 unless configured otherwise."""
    with serve() as running:
        yield running
