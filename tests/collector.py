"""A collector of OpenTelemetry's on a socket: it takes OTLP over HTTP, as protobuf, and keeps the spans."""

import asyncio
from contextlib import asynccontextmanager

from aiohttp import web
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

KINDS = {2: "SERVER", 3: "CLIENT", 5: "CONSUMER"}


def _values(attributes):
    """Attributes by name, as plain values."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


class Spanned:
    """A span as the collector got it."""

    def __init__(self, span, resource):
        self.name = span.name
        self.kind = KINDS[span.kind]
        self.trace = span.trace_id.hex()
        self.id = span.span_id.hex()
        self.parent = span.parent_span_id.hex()
        self.state = span.trace_state
        self.links = [(one.trace_id.hex(), one.span_id.hex()) for one in span.links]
        self.attributes = _values(span.attributes)
        self.failed = span.status.code == 2
        self.words = span.status.message
        self.events = list(span.events)
        self.resource = resource
        self.whole = str(MessageToDict(span))


class Collector:
    """What was sent to one address."""

    def __init__(self):
        self.spans = []
        self.headers = []
        self.requests = 0
        self.status = 200
        self.hangs = False
        self.url = ""

    async def take(self, request):
        """Answer one export."""
        self.requests += 1
        self.headers.append(request.headers)
        if self.hangs:
            await asyncio.sleep(60)
        if self.status != 200:
            return web.Response(status=self.status)
        told = ExportTraceServiceRequest.FromString(await request.read())
        for part in told.resource_spans:
            resource = _values(part.resource.attributes)
            self.spans += [Spanned(span, resource) for scope in part.scope_spans for span in scope.spans]
        body = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=body, content_type="application/x-protobuf")

    def of(self, kind):
        """The spans of a kind."""
        return [one for one in self.spans if one.kind == kind]

    async def until(self, condition):
        """Wait until what was sent is as a test wants it."""
        try:
            async with asyncio.timeout(20):
                while not condition():  # noqa: ASYNC110  # spans come when their sender thinks fit
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError([(one.kind, one.name) for one in self.spans]) from None


@asynccontextmanager
async def collecting():
    """A collector that listens."""
    collector = Collector()
    application = web.Application()
    application.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    try:
        yield collector
    finally:
        await runner.cleanup()
