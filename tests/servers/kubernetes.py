"""A stand-in for the API of Kubernetes: takes Jobs, and describes or deletes those that it has."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

TOKEN = "the token of a service account"
LISTS = {"pods": "PodList", "jobs": "JobList", "events": "EventList"}


@dataclass
class KubernetesApi:
    """What was asked of it: methods and paths, the Jobs, and with whose token."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)

    def respond(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return the status and the document of a response."""
        self.calls.append(f"{method} {path}")
        name = path.rpartition("/jobs/")[2].removesuffix("/status")
        if method == "POST" and path.endswith("/jobs"):
            self.jobs[body["metadata"]["name"]] = body
            return 201, body
        kind = LISTS.get(path.rpartition("/")[2])
        if method == "GET" and kind:
            return 200, {"kind": kind, "items": []}
        if name not in self.jobs:
            return 404, {"apiVersion": "v1", "kind": "Status", "code": 404}
        if method == "DELETE":
            del self.jobs[name]
            return 200, {"apiVersion": "v1", "kind": "Status", "code": 200}
        return 200, {**self.jobs[name], "status": {"active": 1}}


@contextmanager
def run_kubernetes(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    """Serve the API over TLS, to a process that finds it as one in a pod of the cluster does."""
    api, authority = KubernetesApi(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    patch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    patch.setenv("KUBERNETES_SERVICE_PORT", str(server.server_address[1]))
    client = "kubernetes.config.incluster_config.SERVICE_"
    patch.setattr(f"{client}TOKEN_FILENAME", str(folder / "token"))
    patch.setattr(f"{client}CERT_FILENAME", str(folder / "ca.crt"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(api: KubernetesApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            api.tokens.add(self.headers.get("Authorization"))
            path = self.path.partition("?")[0]
            status, document = api.respond(self.command, path, json.loads(body or "null"))
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - named by the standard library

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    return Handler
