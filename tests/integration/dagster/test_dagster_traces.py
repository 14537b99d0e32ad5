"""One trace from the webhook call to the callback, over gateway, worker and sender."""

import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from alumniq_pipelines.core.loads.load import Load, LoadState
from alumniq_pipelines.core.loads.target import Environment
from alumniq_pipelines.core.problems.setup import TracingNotInstalled
from alumniq_pipelines.settings import Settings
from alumniq_pipelines.telemetry import tracing
from alumniq_pipelines.telemetry.logs import json_formatter
from alumniq_pipelines.wiring import trace_if_configured
from tests.integration.dagster.conftest import FILE, HEADER, ROWS, TARGET, Installation
from tests.integration.dagster.sensor_ticks import skip
from tests.servers.collector import CollectedSpan, Collector, stop_tracing
from tests.servers.receiver import Received, Receiver
from tests.strict_catalog import read_catalog
from webhook_gateway.app import create_app

pytestmark = pytest.mark.usefixtures("quick_ticks")

CALLER_TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER_SPAN = "b7ad6b7169203331"
SERVER, CLIENT = 2, 3
"""Kinds of spans in OTLP."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"callback_allowed_networks": ("127.0.0.0/8",)})


def post(
    installation: Installation,
    receiver: Receiver,
    filename: str = FILE,
    **headers: str,
) -> int:
    """Call the webhook of a gateway in this process."""
    key, _ = installation.ledger.keys.issue("iqu", Environment.PRODUCTION, datetime.now(UTC))
    app = create_app(
        installation.settings,
        ledger=installation.ledger,
        buckets=installation.buckets,
        catalog=read_catalog(installation.settings.schemas_dir),
    )
    options = {"apiKey": key, "filename": filename, "notifyWebhook": f"{receiver.url}/secret-path"}
    response = TestClient(app, client=("127.0.0.1", 50_000)).post(
        f"/api/v1/index.cfm/webhook/{TARGET.feed}", json=options, headers=headers
    )
    return response.status_code


def load_and_notify(installation: Installation, receiver: Receiver) -> tuple[Load, Received]:
    """Carry out the only load, as a run and the notification sensor do."""
    [load] = installation.ledger.loads.find()
    assert installation.execute(load).success
    assert "1 delivered" in skip(installation, "notifications")
    [callback] = receiver.wait_for(1)
    tracing.flush_spans()
    return load, callback


def ancestors(span: CollectedSpan, collector: Collector) -> list[str]:
    """Return the names of the spans that a span is within, the innermost first."""
    by_id = {found.span_id: found for found in collector.spans}
    names = []
    while span.parent_id in by_id:
        span = by_id[span.parent_id]
        names.append(span.name)
    return names


def test_one_trace_leads_from_the_call_to_the_callback(
    installation: Installation, receiver: Receiver, collector: Collector
) -> None:
    installation.put(HEADER + ROWS)
    traceparent = f"00-{CALLER_TRACE}-{CALLER_SPAN}-00"
    assert post(installation, receiver, traceparent=traceparent) == 200
    load, callback = load_and_notify(installation, receiver)

    assert {span.trace_id for span in collector.spans} == {CALLER_TRACE}
    call = collector.only("webhook call")
    assert (call.parent_id, call.kind) == (CALLER_SPAN, SERVER)
    assert call.attributes["http.response.status_code"] == 200
    assert call.attributes["http.route"] == "/api/v1/index.cfm/webhook/{job}"
    for name in ("wait in the queue", "attempt", "deliver callback"):
        assert ancestors(collector.only(name), collector) == ["accept load", "webhook call"]
    steps = ["fetch", "decompress", "structure", "stage", "check", "profile", "publish"]
    for step in steps:
        assert ancestors(collector.only(step), collector)[0] == "attempt"

    attempt, delivery = collector.only("attempt"), collector.only("deliver callback")
    assert attempt.attributes == {
        "alumniq.job_id": load.job_id,
        "alumniq.customer": "iqu",
        "alumniq.environment": "production",
        "alumniq.feed": "warehouse-lookups",
        "alumniq.attempt": 1,
        "alumniq.run_id": installation.again(load).run_id,
        "alumniq.outcome": "published",
        "alumniq.rows_read": 100,
        "alumniq.rows_accepted": 100,
        "alumniq.rows_rejected": 0,
    }
    assert (delivery.kind, delivery.attributes["server.address"]) == (CLIENT, "127.0.0.1")
    assert delivery.attributes["http.response.status_code"] == 200
    # The receiver can continue the trace, and sees no more than its ids.
    sent = f"00-{CALLER_TRACE}-{delivery.span_id}-01"
    assert callback.headers["traceparent"] == sent
    assert "tracestate" not in callback.headers
    assert "baggage" not in callback.headers


def test_spans_show_no_value_no_file_name_no_key_and_no_path_of_a_callback(
    installation: Installation, receiver: Receiver, collector: Collector
) -> None:
    installation.put(HEADER + ROWS)
    assert post(installation, receiver) == 200
    load_and_notify(installation, receiver)
    sent = b"".join(collector.bodies)
    for secret in (b"Unit 1", FILE.encode(), b"secret-path", b"a@example.org"):
        assert secret not in sent
    [key] = installation.ledger.keys.of("iqu")
    assert key.prefix.encode() not in sent


def test_a_call_that_is_repeated_is_the_same_load_whatever_trace_it_is_in(
    installation: Installation, receiver: Receiver, collector: Collector
) -> None:
    """The repetition was refused, as if it asked for something else."""
    installation.put(HEADER + ROWS)
    for _ in range(2):
        assert post(installation, receiver, **{"Idempotency-Key": "nightly-1"}) == 200
    assert len(installation.ledger.loads.find()) == 1
    tracing.flush_spans()
    calls = [span for span in collector.spans if span.name == "webhook call"]
    assert len({span.trace_id for span in calls}) == 2


@pytest.mark.parametrize(
    "traceparent",
    ["", "nonsense", f"00-{'0' * 32}-{CALLER_SPAN}-01", f"00-{CALLER_TRACE}-{CALLER_SPAN}-01-x"],
)
def test_a_call_with_an_invalid_trace_begins_one(
    installation: Installation, receiver: Receiver, collector: Collector, traceparent: str
) -> None:
    installation.put(HEADER + ROWS)
    assert post(installation, receiver, traceparent=traceparent) == 200
    tracing.flush_spans()
    call = collector.only("webhook call")
    assert call.parent_id == ""
    assert call.trace_id != CALLER_TRACE


def test_a_caller_cannot_make_us_record_what_our_own_sampler_does_not(
    installation: Installation,
    receiver: Receiver,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop_tracing()
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    tracing.start_tracing("alumniq-tests")
    installation.put(HEADER + ROWS)
    traceparent = f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"
    assert post(installation, receiver, traceparent=traceparent) == 200
    load_and_notify(installation, receiver)
    assert collector.spans == []


def test_a_refused_call_and_a_refused_file_are_failures_by_their_code(
    installation: Installation, receiver: Receiver, collector: Collector
) -> None:
    assert post(installation, receiver, "absent.csv") == 400
    installation.put("no header\n")
    assert post(installation, receiver) == 200
    [load] = installation.ledger.loads.find()
    installation.execute(load)
    assert installation.again(load).state is LoadState.FAILED
    tracing.flush_spans()
    refused = [span for span in collector.spans if span.name == "accept load" and span.is_failed]
    assert [span.attributes["error.type"] for span in refused] == ["RequestRefused"]
    assert collector.only("attempt").attributes["alumniq.outcome"] == "refused"
    assert not any("exception" in name for span in collector.spans for name in span.attributes)


def test_without_a_collector_nothing_of_opentelemetry_is_imported_and_nothing_stored(
    installation: Installation, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    installation.put(HEADER + ROWS)
    assert post(installation, receiver, traceparent=f"00-{CALLER_TRACE}-{CALLER_SPAN}-01") == 200
    load, callback = load_and_notify(installation, receiver)
    assert load.request.trace_context is None
    assert "traceparent" not in callback.headers
    code = """
import sys
import webhook_gateway.server, alumniq_pipelines.definitions
from alumniq_pipelines.services import attempt, delivery
from alumniq_pipelines.wiring import trace_if_configured
trace_if_configured("alumniq-tests")
print([name for name in sys.modules if name.startswith(("opentelemetry", "pythonjsonlogger"))])
"""
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("OTEL_")}
    environment["ALUMNIQ_DATA_DIR"] = str(installation.settings.home)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_collector_without_the_extra_is_a_warning_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    trace_if_configured("alumniq-tests")
    assert str(TracingNotInstalled()) in caplog.text
    assert not tracing.is_tracing()


def test_log_lines_within_a_span_name_it(collector: Collector) -> None:
    record = logging.makeLogRecord({"msg": "hello"})
    with tracing.span("attempt"):
        line = json.loads(json_formatter().format(record))
    tracing.flush_spans()
    found = collector.only("attempt")
    assert (line["trace_id"], line["span_id"]) == (found.trace_id, found.span_id)
