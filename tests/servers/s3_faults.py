"""A proxy in front of the S3 server that answers some operations as S3 does when it fails.

Everything else goes to the server behind it.
"""

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

import pytest

Operation = Literal["HEAD object", "GET object", "PUT object", "HEAD bucket", "LIST"]


@dataclass(frozen=True)
class Answer:
    """A response of S3; to HEAD it has no body, and so no code."""

    status: int
    code: str = ""
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The document that names the code."""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{self.code}</Code>'
            f"<Message>{self.message}</Message><RequestId>1</RequestId></Error>"
        ).encode()


class Hang:
    """Takes a request and never answers it."""


@dataclass
class S3Faults:
    """The proxy's address, and its answers by operation."""

    url: str
    answers: dict[Operation, Answer | Hang] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    hanging: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


def operation_of(method: str, path: str) -> Operation | None:
    """Return the operation of a request; None for one that no test touches."""
    parts = urlsplit(path)
    _, _, key = parts.path.strip("/").partition("/")
    if not key:
        is_list = method == "GET" and "list-type" in parts.query
        return "HEAD bucket" if method == "HEAD" else "LIST" if is_list else None
    operations: Mapping[str, Operation] = {
        "HEAD": "HEAD object",
        "GET": "GET object",
        "PUT": "PUT object",
    }
    return operations.get(method)


class Handler(BaseHTTPRequestHandler):
    """Answers as a fault says, or as the server behind does."""

    protocol_version = "HTTP/1.1"
    server: "FaultServer"

    def do_GET(self) -> None:
        """Answer any method."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        faults, operation = self.server.faults, operation_of(self.command, self.path)
        answer = None if operation is None else faults.answers.get(operation)
        if isinstance(answer, Hang):
            faults.hanging.release()
            faults.stopped.wait(120)
            self.close_connection = True
        elif answer is None:
            self.forward(body)
        else:
            self.respond(answer.status, answer.headers, answer.body)

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def do_PUT(self) -> None:
        """Answer an upload."""
        self.do_GET()

    def do_POST(self) -> None:
        """Answer a part of an upload in several parts."""
        self.do_GET()

    def do_DELETE(self) -> None:
        """Answer a deletion."""
        self.do_GET()

    def forward(self, body: bytes) -> None:
        """Ask the server behind."""
        connection = http.client.HTTPConnection(self.server.behind, timeout=30)
        sent = {name: value for name, value in self.headers.items() if name != "Expect"}
        connection.request(self.command, self.path, body, sent)
        response = connection.getresponse()
        headers = {
            name: value
            for name, value in response.getheaders()
            if name.lower() not in {"transfer-encoding", "connection", "date", "server"}
        }
        self.respond(response.status, headers, response.read())
        connection.close()

    def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a response; one to HEAD has the length of a body and no body."""
        is_head = self.command == "HEAD"
        length = {"content-length": "0" if is_head else str(len(body))}
        given = {name.lower(): value for name, value in headers.items()}
        self.send_response(status)
        for name, value in (length | given if is_head else given | length).items():
            self.send_header(name, value)
        self.end_headers()
        if not is_head:
            self.wfile.write(body)

    def handle(self) -> None:
        """Ignore clients that gave up waiting."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


class FaultServer(ThreadingHTTPServer):
    """The proxy; it accepts many connections at once."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, server_url: str) -> None:
        """Listen on a free port in front of a server."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = urlsplit(server_url).netloc
        self.faults = S3Faults(f"http://127.0.0.1:{self.server_address[1]}")


@contextmanager
def serve_faults(server_url: str) -> Iterator[S3Faults]:
    """Serve the proxy in front of a server."""
    with FaultServer(server_url) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.faults
        server.faults.stopped.set()
        server.shutdown()


@pytest.fixture(scope="session")
def s3_fault_proxy(s3_endpoint: str) -> Iterator[S3Faults]:
    """Serve the proxy once."""
    with serve_faults(s3_endpoint) as faults:
        yield faults


@pytest.fixture
def s3_faults(s3_fault_proxy: S3Faults) -> Iterator[S3Faults]:
    """Return the proxy without faults; the test adds them."""
    s3_fault_proxy.hanging = threading.Semaphore(0)  # what hung in other tests does not count
    yield s3_fault_proxy
    s3_fault_proxy.answers.clear()
