"""The customer's side of the demo: a small HTTP server on loopback that records callbacks."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Callback:
    """One callback as received."""

    at: datetime
    body: bytes


@dataclass
class Receiver:
    """The callbacks so far, by job id."""

    url: str
    callbacks: dict[str, list[Callback]] = field(default_factory=dict)

    def record(self, body: bytes) -> None:
        """Record a callback under the job id in its body."""
        job_id = json.loads(body)["jobId"]
        self.callbacks.setdefault(job_id, []).append(Callback(datetime.now(UTC), body))


@contextmanager
def run_receiver() -> Iterator[Receiver]:
    """Yield a receiver of callbacks on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.record(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Log nothing: the demo prints the callbacks itself."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/callbacks")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
