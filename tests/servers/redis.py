"""A real Redis for tests: Debian's, on loopback with a password; it can go away and come back."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system_programs import require_program

PASSWORD = "for-tests"
MAX_WAIT_SECONDS = 30


@dataclass
class RedisServer:
    """A server and where it listens."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it with what it had, and wait until it responds."""
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "requirepass": PASSWORD,
            "dir": str(self.folder),
            "appendonly": "yes",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", *words], stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + MAX_WAIT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < until, (self.folder / "log").read_text()
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """End it; it keeps its data."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(MAX_WAIT_SECONDS)
            self.process = None


@contextmanager
def run_redis() -> Iterator[RedisServer]:
    """Run a server until the block ends; without Debian's package, the test is skipped."""
    require_program("redis-server", "redis-server")
    folder = Path(tempfile.mkdtemp(prefix="redis-"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    server = RedisServer(folder, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
