"""A stand-in for a collector of OpenTelemetry: receives spans by OTLP over HTTP on loopback."""

import gzip
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from alumniq_pipelines.telemetry import tracing


@dataclass(frozen=True, kw_only=True)
class CollectedSpan:
    """A span as it was sent."""

    name: str
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    is_failed: bool
    seconds: float
    attributes: Mapping[str, str | int | float | bool]


@dataclass
class Collector:
    """The spans that were received."""

    url: str
    spans: list[CollectedSpan] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def only(self, name: str) -> CollectedSpan:
        """Return the only span of a name."""
        [found] = [span for span in self.spans if span.name == name]
        return found

    def add(self, body: bytes) -> None:
        """Add what one request sends."""
        self.bodies.append(body)
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            of_process = {
                entry.key: entry.value.string_value for entry in resource_spans.resource.attributes
            }
            for scope_spans in resource_spans.scope_spans:
                for sent in scope_spans.spans:
                    self.spans.append(
                        CollectedSpan(
                            name=sent.name,
                            service=of_process["service.name"],
                            trace_id=sent.trace_id.hex(),
                            span_id=sent.span_id.hex(),
                            parent_id=sent.parent_span_id.hex(),
                            kind=sent.kind,
                            is_failed=sent.status.code == sent.status.STATUS_CODE_ERROR,
                            seconds=(sent.end_time_unix_nano - sent.start_time_unix_nano) / 1e9,
                            attributes={
                                entry.key: _value(entry.value) for entry in sent.attributes
                            },
                        )
                    )


def stop_tracing() -> None:
    """Make no spans in this process any more."""
    provider, tracing._tracing.provider = tracing._tracing.provider, None
    if provider is not None:
        provider.shutdown()


def _value(value: AnyValue) -> str | int | float | bool:
    found: str | int | float | bool = getattr(value, value.WhichOneof("value") or "string_value")
    return found


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Serve a collector that the variables of OpenTelemetry name; this process traces to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take spans."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_zipped = self.headers.get("Content-Encoding") == "gzip"
            received.add(gzip.decompress(body) if is_zipped else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Collector(f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        tracing.start_tracing("alumniq-tests")
        yield received
        stop_tracing()
        server.shutdown()
        thread.join()
