"""The spans, in the words of OpenTelemetry's semantic conventions for HTTP; what is the gateway's own is `gateway.…`.

    inbound     SERVER, a child of the caller's span where the caller names one
    attempt     CLIENT, one request to a vendor: a child of the inbound (forward mode) or of its delivery
    delivery    CONSUMER, one round at one target: a trace of its own, linked to the inbound that it delivers

Never a body, a key, a person's id, a query string or an address of a caller.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.contract import Answer, Outbound
from gateway.delivery.sending import Sent
from gateway.relay import Line, Request
from gateway.store.contract import Entry

_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_TRACE_CONTEXT: Final = TraceContextTextMapPropagator()
_LONGEST: Final = {"traceparent": 55, "tracestate": 512}
"""Characters of a caller's headers; longer ones are none."""
_PORTS: Final = {"http": 80, "https": 443}


class Spans:
    """Makes the spans of one process."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def inbound(self, request: Request, *, served: bool) -> Iterator[Span]:
        """The span of an inbound, under way; `served`: its path is one of a route's, not what anybody made up."""
        head = request.head
        method = head.method if head.method in _METHODS else "_OTHER"
        attributes = {"http.request.method": method, "url.scheme": "http", "gateway.request_id": request.id}
        if served:
            attributes |= {"http.route": head.path, "url.path": head.path}
        named = "HTTP" if method == "_OTHER" else method
        name = f"{named} {head.path}" if served else named
        span = self._tracer.start_span(name, _callers(request.trace), SpanKind.SERVER, attributes)
        with under_way(span):
            try:
                yield span
            finally:
                span.end()

    def delivery(self, entry: Entry, target: str, upstream: str) -> Span | None:
        """The span of one round of a delivery; None where its inbound has none."""
        inbound = get_current_span(_named({"traceparent": entry.record.trace})).get_span_context()
        if not inbound.is_valid:
            return None
        attributes: dict[str, str | bool] = {
            "messaging.system": "interaction-gateway",
            "messaging.operation.type": "process",
            "messaging.operation.name": "deliver",
            "messaging.destination.name": target,
            "gateway.upstream": upstream,
            "gateway.route": entry.record.route,
            "gateway.vendor": entry.record.vendor,
            "gateway.request_id": entry.record.request_id,
            "gateway.retry": bool(entry.attempts),
        }
        return self._tracer.start_span(f"deliver {target}", Context(), SpanKind.CONSUMER, attributes, [Link(inbound)])

    def attempt(self, outbound: Outbound, upstream: str) -> Span:
        """The span of one request to a vendor, where it is part of something that has one; else what makes none."""
        if not get_current_span().is_recording():
            return get_current_span()
        url = urlsplit(outbound.url)
        attributes: dict[str, str | int] = {
            "http.request.method": outbound.method,
            "server.address": url.hostname or "",
            "server.port": url.port or _PORTS.get(url.scheme, 0),
            "url.full": f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}",
            "gateway.upstream": upstream,
        }
        return self._tracer.start_span(outbound.method, kind=SpanKind.CLIENT, attributes=attributes)


def under_way(span: Span) -> AbstractContextManager[Span]:
    """A span as the parent of what happens meanwhile; an exception's words, which may hold anything, are left out."""
    return use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False)


def told(line: Line) -> None:
    """Say of the inbound under way which route takes it, whose it is, and what it held."""
    span, found = get_current_span(), line.found
    if found is None:
        return
    match = found.match
    span.set_attribute("gateway.route", match.route.name)
    span.set_attribute("gateway.vendor", match.route.accepts)
    if match.client is not None:
        span.set_attribute("gateway.client", match.client)
    span.set_attribute("gateway.interactions", line.interactions)


def ended(span: Span, answer: Answer) -> None:
    """Say of an inbound how it was answered: a failure is what is not the caller's fault."""
    span.set_attribute("http.response.status_code", answer.status)
    if answer.status >= 500:
        _failed(span, str(answer.status))


def judged(span: Span, sent: Sent) -> None:
    """Say of an attempt what became of it, and end it: a 200 can hide a failure."""
    if not span.is_recording():
        return
    if sent.answer is not None:
        span.set_attribute("http.response.status_code", sent.answer.status)
    span.set_attribute("gateway.outcome", sent.outcome)
    if not sent.accepted:
        _failed(span, str(sent.status) if sent.answer is not None and sent.status >= 400 else sent.outcome)
    span.end()


def broken_off(span: Span) -> None:
    """Say of an attempt that nobody waits for it any more, and end it; nothing where it has ended."""
    if span.is_recording():
        _failed(span, "broken_off")
        span.end()


def settled(span: Span, outcome: str) -> None:
    """Say of a delivery how its round ended."""
    span.set_attribute("gateway.outcome", outcome)
    if outcome in ("retried", "dead"):
        _failed(span, outcome)


def carried(span: Span) -> dict[str, str]:
    """A span's context, as the headers of W3C's trace context; nothing where it has none."""
    headers: dict[str, str] = {}
    _TRACE_CONTEXT.inject(headers, set_span_in_context(span))
    return headers


def kept() -> str:
    """The traceparent of the span under way, as it is kept with an inbound; nothing where no span is made."""
    span = get_current_span()
    return carried(span)["traceparent"] if span.is_recording() else ""


def _callers(headers: Mapping[str, str]) -> Context:
    """The context that a caller names, where it does so properly."""
    told = {name: value for name, most in _LONGEST.items() if 0 < len(value := headers.get(name, "")) <= most}
    return _named(told)


def _named(headers: dict[str, str]) -> Context:
    """The context that headers name."""
    return _TRACE_CONTEXT.extract(headers, Context())


def _failed(span: Span, error: str) -> None:
    span.set_attribute("error.type", error)
    span.set_status(Status(StatusCode.ERROR))
