"""Traces by OpenTelemetry, from a webhook call to its callback; off, nothing of it is imported.

Spans carry ids, names, counts and codes: no value, file name, address or text of an exception.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from alumniq_pipelines.core.problems.setup import TracingNotInstalled

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

Attributes = Mapping[str, str | int | float]
SpanKind = Literal["INTERNAL", "SERVER", "CLIENT"]

TRACEPARENT = "traceparent"
MAX_TRACEPARENT_CHARACTERS = 55
"""Of version 00, the one that we write: other versions may be longer, and are not continued."""
FLUSH_MILLISECONDS = 3_000
"""How long a process that ends waits for the collector."""


class ActiveSpan(Protocol):
    """A span, as far as the code within it knows."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes; our own names get a prefix, those with a dot are OpenTelemetry's."""
        ...

    def fail(self, error: str) -> None:
        """Mark it as failed, by a code or the name of a class."""
        ...


class NoSpan:
    """A span while there are no traces."""

    def set(self, attributes: Attributes) -> None:
        """Ignore attributes."""

    def fail(self, error: str) -> None:
        """Ignore a failure."""


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    """A span of OpenTelemetry."""

    span: "Span"

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""
        self.span.set_attributes(_named(attributes))

    def fail(self, error: str) -> None:
        """Mark it as failed."""
        from opentelemetry.trace import StatusCode

        self.span.set_status(StatusCode.ERROR)
        self.span.set_attribute("error.type", error)


@dataclass(slots=True)
class _Tracing:
    provider: "TracerProvider | None" = None


_tracing = _Tracing()
NO_SPAN = nullcontext(NoSpan())


def start_tracing(service: str) -> None:
    """Send the spans of this process to the collector of the OTEL_ variables.

    Harmless to repeat, but not to fork after. Raises TracingNotInstalled without the extra.
    """
    if _tracing.provider is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise TracingNotInstalled from None
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: service}))
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracing.provider = provider


def flush_spans() -> None:
    """Send what was not sent yet, for a few seconds at most."""
    if _tracing.provider is not None:
        _tracing.provider.force_flush(FLUSH_MILLISECONDS)


def is_tracing() -> bool:
    """Whether this process makes spans."""
    return _tracing.provider is not None


def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    kind: SpanKind = "INTERNAL",
    parent: str | None = None,
) -> AbstractContextManager[ActiveSpan]:
    """Make a span of the block: within `parent`, a `traceparent`, or else the span at work.

    An exception marks it as failed by its class, never by its text, which may quote a value.
    """
    if _tracing.provider is None:  # each webhook call and each step asks
        return NO_SPAN
    return _recorded_span(_tracing.provider, name, attributes or {}, kind, parent)


@contextmanager
def _recorded_span(
    provider: "TracerProvider",
    name: str,
    attributes: Attributes,
    kind: SpanKind,
    parent: str | None,
) -> Iterator[ActiveSpan]:
    from opentelemetry import trace

    tracer = provider.get_tracer("alumniq")
    with tracer.start_as_current_span(
        name,
        context=_context(parent),
        kind=trace.SpanKind[kind],
        attributes=_named(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as started:
        active = RecordedSpan(started)
        try:
            yield active
        except Exception as error:
            active.fail(type(error).__name__)
            raise


def record_span(
    name: str,
    start: datetime,
    end: datetime,
    attributes: Attributes | None = None,
    *,
    parent: str | None = None,
) -> None:
    """Make a span of a time that is over."""
    if _tracing.provider is not None:
        tracer = _tracing.provider.get_tracer("alumniq")
        recorded = tracer.start_span(
            name,
            context=_context(parent),
            attributes=_named(attributes or {}),
            start_time=_nanoseconds(start),
        )
        recorded.end(_nanoseconds(max(start, end)))


def current_traceparent() -> str | None:
    """Return the `traceparent` of the span at work; None if there is none."""
    if _tracing.provider is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(TRACEPARENT)


def current_span_fields() -> Attributes:
    """Return the ids of the span at work, for logs."""
    context = current_traceparent()
    if context is None:
        return {}
    _, trace_id, span_id, _ = context.split("-")
    return {"trace_id": trace_id, "span_id": span_id}


def continued(traceparent: str) -> str | None:
    """Return the context in which a caller's trace goes on; None if theirs is no valid one.

    Whether it is sampled is for our own sampler to decide, as if the trace began here: a caller
    can neither make us record all of its calls, nor hide them.
    """
    provider = _tracing.provider
    if provider is None or len(traceparent) != MAX_TRACEPARENT_CHARACTERS:
        return None
    from opentelemetry import trace

    caller = trace.get_current_span(_context(traceparent)).get_span_context()
    if not caller.is_valid:
        return None
    decision = provider.sampler.should_sample(None, caller.trace_id, "call").decision
    flags = int(decision.is_sampled())  # type: ignore[no-untyped-call]
    ids = f"{trace.format_trace_id(caller.trace_id)}-{trace.format_span_id(caller.span_id)}"
    return f"00-{ids}-{flags:02x}"


def _context(traceparent: str | None) -> "Context | None":
    """Return the context that a `traceparent` names; None for the one at work."""
    if traceparent is None:
        return None
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({TRACEPARENT: traceparent}, Context())


def _named(attributes: Attributes) -> Attributes:
    return {name if "." in name else f"alumniq.{name}": value for name, value in attributes.items()}


def _nanoseconds(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000) * 1_000
