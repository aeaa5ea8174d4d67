"""Traces by OpenTelemetry, from a request to the worker that does its job; off by default.

They are on where OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) names a
collector, and the packages of the extra `otel` are installed. Nothing of it is imported otherwise.
One span per request, per attempt at a job and per phase of it. Attributes are identifiers and words
of this service: no names, no paths, no bodies, and of an error its code alone.

The trace context travels in the job's row, since a message may be lost, and is never shown.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import structlog

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

_log = structlog.get_logger()

# The collector may be away: a job's end must not wait longer for it.
_EXPORT_TIMEOUT_SECONDS = 2.0
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Span(Protocol):
    """What is said of a span."""

    def set_attribute(self, key: str, value: str | int) -> None:
        """Say one thing of it."""

    def update_name(self, name: str) -> None:
        """Name it, once it is known what it is."""


class _Silent:
    """A span that nobody reads."""

    def set_attribute(self, key: str, value: str | int) -> None:
        del key, value

    def update_name(self, name: str) -> None:
        del name


class _State:
    """The tracer of this process and where its spans go; None where traces are off."""

    tracer: Tracer | None = None
    provider: TracerProvider | None = None


def start(process: str) -> None:
    """Send the spans of this process to the collector that the environment names, if it does.

    Args:
        process: The part of the service, such as `api`.
    """
    switched_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if switched_off or not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        packages = "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
        _log.error("traces are off", fix=f"pip install {packages}")
        return
    send_to(OTLPSpanExporter(timeout=_EXPORT_TIMEOUT_SECONDS), process)


def send_to(exporter: SpanExporter, process: str) -> None:
    """Send the spans of this process to an exporter."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", f"synthcxr-{process}")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _State.provider, _State.tracer = provider, provider.get_tracer("synthcxr")


@contextmanager
def span(name: str, parent: str | None = None, **attributes: str | int) -> Iterator[Span]:
    """Trace a block; it costs nothing where traces are off.

    Args:
        name: Of the span.
        parent: The trace it belongs to (W3C traceparent); by default that of the span around.
        attributes: Said of it.
    """
    if _State.tracer is None:
        yield _Silent()
        return
    with _State.tracer.start_as_current_span(
        name,
        context=_context_of(parent),
        attributes=attributes,
        record_exception=False,  # its message and its frames may hold what is private
        set_status_on_exception=False,
    ) as opened:
        yield opened


def current_context() -> str | None:
    """Return the present trace (W3C traceparent), or None where traces are off."""
    if _State.tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def _context_of(parent: str | None) -> Context | None:
    if parent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


def _nothing() -> None:
    """End no span."""


class Phases:
    """The phases of a job, each a span that ends where the next one begins."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._end: Callable[[], None] = _nothing

    def enter(self, name: str) -> None:
        """Note the phase that the job is in now."""
        if _State.tracer is None or name == self._name:
            return
        self.end()
        self._name = name
        self._end = _State.tracer.start_span(f"phase {name}").end

    def end(self) -> None:
        """End the last one."""
        self._end()
        self._name, self._end = None, _nothing


def flush() -> None:
    """Send what waits: the process may end with its job."""
    if _State.provider:
        _State.provider.force_flush()
