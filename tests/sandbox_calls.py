"""One call in order for each path of the sandbox, and a client that sends it."""

from contextlib import asynccontextmanager

import aiohttp
import msgspec

from gateway.sandbox import Sandbox

PAGE = {"type": "PRODUCT", "data": ["sku-1"], "location": "https://shop.example/p/1"}
DECISION = "aGVsbG8KhAc"
BODIES = {
    "/ssapi/engagement": {
        "user": {"id": "u-1"},
        "session": {"custom": "s-1"},
        "context": {"page": PAGE},
        "engagements": [{"type": "CLICK", "decisionId": DECISION}],
    },
    "/ssapi/event": {
        "user": {"slid": "1"},
        "session": {"sl": "2"},
        "context": {"page": PAGE},
        "events": [{"name": "Login", "properties": {"eventType": "login-v1"}}],
    },
    "/event": {
        "sec": "5f2d8c1ab4e7f90012345678",
        "user": {"custom": "u-1"},
        "ctx": {"type": "OTHER", "data": []},
        "data": [{"type": "login-v1", "name": "Login", "eventTime": "2026-11-21T10:00:00.5Z"}],
    },
    "/engagement": None,
    "/v2/collect/user/engagement": {
        "user": {"id": "u-1"},
        "session": {},
        "engagements": [{"type": "CLICK", "decisionId": DECISION}, {"type": "SLOT_IMP", "slotIds": ["a", "b"]}],
    },
    "/v2/collect/user/event": {
        "user": {"id": "u-1"},
        "session": {},
        "context": {},
        "events": [{"name": "Login", "properties": {"dyType": "login-v1"}}],
    },
    "/v2/collect/user/pageview": {
        "user": {"id": "u-1"},
        "session": {},
        "context": {"page": {"type": "HOMEPAGE", "location": "https://shop.example/"}},
    },
    "/api/tracker/events": {
        "event_type": "clicks:game",
        "user_id": "u-1",
        "data": {"game_id": "g-1", "page": "/home", "location": "lane:top"},
    },
    "/oauth/token": {
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "audience": "api.vaix.ai",
        "grant_type": "client_credentials",
    },
    "/v1/LogTreatmentInteraction": {
        "projectId": "1250",
        "userId": "u-1",
        "treatmentTrackingId": "6_690e",
        "treatmentId": "77",
        "surface": "HOME_SCREEN",
        "interactionType": "CLICKED",
        "interactionTimeMicros": 1667829258250000,
    },
    "/v1/LogEvents": {
        "projectId": "1250",
        "userId": "u-1",
        "events": [{"eventName": "login", "eventProperties": {"value": {"longValue": "3"}}}],
    },
}
SDK_AUTH = {"Authorization": "Bearer sandbox-sdk-key"}
DY_AUTH = {"DY-API-Key": "sandbox-dy-key"}
VAIX_AUTH = {"Authorization": "Bearer sandbox-vaix-token", "x-vaix-client-id": "my-group"}
AUTH = {
    "/ssapi/engagement": {"Authorization": "Bearer sandbox-gf-key"},
    "/ssapi/event": {"Authorization": "Bearer sandbox-gf-key"},
    "/event": SDK_AUTH,
    "/engagement": SDK_AUTH,
    "/v2/collect/user/engagement": DY_AUTH,
    "/v2/collect/user/event": DY_AUTH,
    "/v2/collect/user/pageview": DY_AUTH,
    "/api/tracker/events": VAIX_AUTH,
    "/oauth/token": {},
    "/v1/LogTreatmentInteraction": {"x-api-key": "sandbox-auxia-key"},
    "/v1/LogEvents": {"x-api-key": "sandbox-auxia-events-key"},
}
POSTS = [path for path in BODIES if path != "/engagement"]
DY_PATH = "/v2/collect/user/engagement"
QUERY = f"?type=WCLICK&decisionId={DECISION}"


class Client:
    """Calls to one sandbox, in order unless told otherwise."""

    def __init__(self, sandbox, session):
        self.sandbox = sandbox
        self._session = session

    async def send(self, method, path, **options):
        """Status, parsed body (None without one) and headers of the answer."""
        async with self._session.request(method, self.sandbox.url + path, allow_redirects=False, **options) as answer:
            body = await answer.read()
            return answer.status, msgspec.json.decode(body) if body else None, answer.headers

    async def post(self, path, body=..., headers=None, **more):
        """A POST in order but for what is given."""
        body = BODIES[path.partition("?")[0]] if body is ... else body
        shown = AUTH[path.partition("?")[0]] | (headers or {})
        return await self.send("POST", path, json=body, headers=shown, **more)


@asynccontextmanager
async def running(**settings):
    sandbox = Sandbox(**settings)
    await sandbox.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(sandbox, session)
    finally:
        await sandbox.stop()
