"""What supervisors, balancers and Prometheus ask."""

from msgspec import Struct, json
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.admin.call import Call, Nothing, Reply
from gateway.admin.readings import Growth, readings


class Health(Struct, frozen=True):
    """The operations; they share how fast the store grows with the status."""

    growth: Growth

    async def alive(self, _: Call, __: Nothing) -> object:
        """That the process runs."""
        return {"status": "alive"}

    async def ready(self, call: Call, _: Nothing) -> object:
        """Whether work should be sent here; with 503 and the reason where it should not."""
        reason = call.gateway.unready()
        if reason is None:
            return {"status": "ready"}
        body = json.encode({"status": "unready", "reason": reason})
        return Reply(503, body, {"Content-Type": "application/json"})

    async def metrics(self, call: Call, _: Nothing) -> object:
        """Everything counted and measured, in Prometheus' text format."""
        text = call.gateway.metrics.text(await readings(call.gateway, self.growth))
        return Reply(200, text, {"Content-Type": CONTENT_TYPE_LATEST})
