"""In and out of the admin port: a token with every call, or once for a cookie; wrong ones are counted."""

import asyncio
from http.cookies import SimpleCookie

import aiohttp
import pytest
from operating_calls import operated

from gateway.admin.sessions import NotAdmitted, Sessions, TooManyWrong
from gateway.contract import Secret

TOKEN = 'token = "admin-token"'
RIGHT = {"token": "admin-token"}


@pytest.fixture
async def locked(tmp_path):
    async with operated(tmp_path, admin=TOKEN) as gateway:
        yield gateway


async def cookie_of(gateway, shown=None, **headers):
    """The cookie of a login, and all that it says of itself."""
    url = gateway.admin_url + "/api/login"
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.post(url, json=shown or RIGHT, headers=headers) as answer,
    ):
        assert answer.status == 204
        assert answer.headers["Cache-Control"] == "no-store"
        (morsel,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
        return morsel


async def status(gateway, cookie=None, method="GET", path="/api/status", **headers):
    """The status of a call with a cookie, by a browser that keeps none by itself."""
    if cookie is not None:
        headers["Cookie"] = f"{cookie.key}={cookie.value}"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        body = None if method == "GET" else {}
        async with session.request(method, gateway.admin_url + path, json=body, headers=headers) as answer:
            return answer.status


async def test_a_login_opens_a_session_that_a_logout_ends(locked):
    """The cookie lets its browser in until the logout; the token itself is not in it."""
    assert await status(locked) == 401
    cookie = await cookie_of(locked)
    assert await status(locked, cookie) == 200
    assert await status(locked, cookie, "POST", "/api/targets/shop/vaix/pause") == 200
    assert "admin-token" not in cookie.value
    assert len(cookie.value) >= 40
    assert await status(locked, cookie, "POST", "/api/logout") == 204
    assert await status(locked, cookie) == 401


async def test_no_script_and_no_other_site_gets_at_the_cookie(locked):
    """HttpOnly, SameSite=Strict, for this port alone; Secure where it was asked for over TLS."""
    cookie = await cookie_of(locked)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert cookie.key == f"gateway-{locked.admin_port}"
    assert int(cookie["max-age"]) == 12 * 3600
    assert not cookie["secure"]
    assert (await cookie_of(locked, **{"X-Forwarded-Proto": "https"}))["secure"] is True


async def test_a_session_is_told_of_without_being_let_in(locked, tmp_path_factory):
    """Whether a login is needed anybody may ask; where no token is set nobody needs one."""
    assert await locked.ask("GET", "/api/session") == {"required": True, "authenticated": False}
    cookie = await cookie_of(locked)
    shown = {"Cookie": f"{cookie.key}={cookie.value}"}
    assert (await locked.ask("GET", "/api/session", headers=shown))["authenticated"] is True
    async with operated(tmp_path_factory.mktemp("open")) as gateway:
        assert await gateway.ask("GET", "/api/session") == {"required": False, "authenticated": True}


async def test_health_the_page_and_the_login_alone_are_open(locked):
    """All else asks for the token, the description and a path that is not there included."""
    for path in ("/healthz", "/readyz", "/", "/api/session"):
        assert await status(locked, path=path) == 200
    assert await status(locked, path="/console/nothing.js") == 404
    for path in ("/api/status", "/api/events", "/metrics", "/openapi.json", "/api/nothing", "/nothing", "/api/login/"):
        assert await status(locked, path=path) == 401
    assert await status(locked, None, "POST", "/api/logout") == 401


@pytest.mark.parametrize(
    "shown", [{"token": "wrong"}, {"token": ""}, {"token": "schlüssel"}, {"token": "admin-token "}]
)
async def test_a_wrong_token_opens_nothing(locked, shown):
    """401 as a problem, no cookie."""
    async with locked.session.post(locked.admin_url + "/api/login", json=shown) as answer:
        assert answer.status == 401
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("value", ["", "wrong", "admin-token", "é", "a" * 4000])
async def test_a_made_up_session_opens_nothing(locked, value):
    """Nor does the token itself, shown as a session."""
    assert await status(locked, Cookie=f"gateway-{locked.admin_port}={value}") == 401


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[::"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:8081", "Origin": "http://evil.example:8081"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
async def test_another_sites_page_changes_nothing(locked, headers, expected):
    """With the session's cookie, even: a foreign Origin or Host, or what a form could send, is refused."""
    cookie = await cookie_of(locked)
    path = "/api/targets/shop/vaix/pause"
    url, shown = locked.admin_url + path, {"Cookie": f"{cookie.key}={cookie.value}"}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        async with session.post(url, data=b"{}", headers={"Content-Type": "application/json"} | shown | headers) as one:
            assert one.status == expected
            assert one.headers["Content-Type"] == "application/problem+json"
        async with session.post(
            locked.admin_url + "/api/login",
            data=b'{"token": "admin-token"}',
            headers={"Content-Type": "application/json"} | headers,
        ) as one:
            assert one.status == expected


async def test_an_address_that_shows_many_wrong_tokens_is_not_listened_to(locked):
    """Not even with the right one, by login or bearer, for a while; who has a session goes on."""
    cookie = await cookie_of(locked)
    for number in range(20):
        shown = {"Authorization": f"Bearer wrong-{number}"}
        if number % 2:
            await locked.ask("POST", "/api/login", {"token": "wrong"}, expect=401)
        else:
            await locked.ask("GET", "/api/status", expect=401, headers=shown)
    async with locked.session.post(locked.admin_url + "/api/login", json=RIGHT) as answer:
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 60
    await locked.ask("GET", "/api/status", expect=429, headers={"Authorization": "Bearer admin-token"})
    assert await status(locked, cookie) == 200


async def test_a_stream_ends_with_its_session(locked):
    """Who logged out hears no more, in any window."""
    cookie = await cookie_of(locked)
    shown = {"Cookie": f"{cookie.key}={cookie.value}"}
    async with locked.session.get(locked.admin_url + "/api/events", headers=shown) as answer:
        assert answer.status == 200
        assert await status(locked, cookie, "POST", "/api/logout") == 204
        async with asyncio.timeout(10):
            while await answer.content.readany():
                pass


# The sessions, by themselves


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_sessions_end_and_are_bounded():
    """After twelve hours, and the oldest where there are too many."""
    clock = Clock()
    sessions = Sessions(Secret("t"), clock)
    first, seconds = sessions.open()
    clock.now = seconds - 1
    assert sessions.knows(first)
    for _ in range(99):
        sessions.open()
    assert sessions.knows(first)
    last, _ = sessions.open()
    assert (sessions.knows(first), sessions.knows(last)) == (False, True)
    clock.now += seconds
    assert not sessions.knows(last)


def test_wrong_tokens_are_forgotten_after_a_minute():
    """The address is heard again, and other addresses were all the time."""
    clock = Clock()
    sessions = Sessions(Secret("t"), clock)
    for _ in range(20):
        with pytest.raises(NotAdmitted):
            sessions.check("wrong", "192.0.2.1")
    with pytest.raises(TooManyWrong):
        sessions.check("t", "192.0.2.1")
    sessions.check("t", "192.0.2.2")
    clock.now = 61.0
    sessions.check("t", "192.0.2.1")


def test_no_session_stands_in_memory():
    """Only digests are kept."""
    sessions = Sessions(Secret("admin-token"), Clock())
    value, _ = sessions.open()
    assert value not in str(vars(sessions))
    assert "admin-token" not in str(vars(sessions))
