"""A Vaix account, its credentials and its answers."""

import json

import msgspec
import pytest
from msgspec.structs import replace
from vaix_calls import ACCOUNT, heard

from gateway.contract import MASK, Answer, Outbound, Secret, masked
from gateway.errors import Forbidden, GatewayError, NoKey, NotJson, Overloaded, TooLarge
from mappings.vaix import OAuth, Vaix


def test_a_static_token_signs_alone():
    """The token, the client group, and no authentication method."""
    assert ACCOUNT.sign(Outbound("POST", "u", {"a": "b"}, b"", ())).headers == {
        "a": "b",
        "authorization": "Bearer vx-token",
        "x-vaix-client-id": "shop-group",
    }
    assert ACCOUNT.grant is None


def test_oauth_signs_with_the_token_it_was_granted():
    """An OAuth account names its grant, and its calls say `iam`; a dry run shows neither secret nor token."""
    account = Vaix(client_id="shop-group", oauth=OAuth(client_id="c", client_secret=Secret("s")))
    grant = account.grant
    assert (grant.client_id, grant.client_secret.reveal(), grant.audience) == ("c", "s", "api.vaix.ai")
    assert grant.token_url == "https://auth.sportradar.com/oauth/token"
    outbound = Outbound("POST", "u", {}, b"", ())
    assert account.sign(outbound, "granted").headers == {
        "authorization": "Bearer granted",
        "x-vaix-client-id": "shop-group",
        "x-vaix-authentication-method": "iam",
    }
    assert "authorization" not in account.sign(outbound).headers
    assert masked(account).oauth.client_secret.reveal() == MASK
    assert masked(ACCOUNT).sign(outbound).headers["authorization"] == f"Bearer {MASK}"


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({}, "needs either token or oauth"),
        ({"token": "t", "oauth": {"client_id": "c", "client_secret": "s"}}, "needs either token or oauth, not both"),
        ({"token": "t", "event_types": {"add_to_cart": "engagement:add_beat"}}, "add_beat"),
        ({"token": "t", "event_types": {"add_to_basket": "custom"}}, "add_to_basket"),
        ({"token": "t", "items_from_products": "gams"}, "gams"),
    ],
)
def test_an_unsound_account_is_refused(table, fault):
    """One way in, known event types on both sides, a known kind of item."""
    with pytest.raises(msgspec.ValidationError, match=fault):
        msgspec.convert({"client_id": "c"} | table, Vaix, dec_hook=lambda _, text: Secret(text))


def test_where_the_key_and_the_call_stand():
    """Callers show a bearer token; calls go to the tracker's one path."""
    assert ACCOUNT.key({"authorization": "Bearer k"}, {}) == "k"
    assert ACCOUNT.key({"x-vaix-client-id": "k"}, {"token": "k"}) is None
    (part,) = ACCOUNT.encode(heard("users:login")).parts
    outbound = replace(ACCOUNT, base_url="https://staging-api.vaix.ai").request([part])
    assert (outbound.method, outbound.url) == ("POST", "https://staging-api.vaix.ai/api/tracker/events")
    assert Vaix.example().token is not None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NotJson("no JSON"), (400, {"error": "no JSON", "status": "400"})),
        (NoKey("no key"), (401, {"error": "no key", "status": "401"})),
        (Forbidden("not here"), (403, {"error": "not here", "status": "403"})),
        (TooLarge("too large"), (413, {"errors": {"body": ["too large"]}})),
        (GatewayError("oh"), (500, {"error": "oh", "status": "500"})),
        (Overloaded("later", 3), (503, {"error": "later", "status": "503"})),
    ],
)
def test_failures_are_worded_as_the_vendor_does(error, expected):
    """`{error, status}` with the status as text, or `{errors}` where the vendor documents that."""
    answer = ACCOUNT.failure(error)
    assert (answer.status, json.loads(answer.body)) == expected
    assert answer.headers == {"content-type": "application/json"}
    assert ACCOUNT.success() == Answer(204)


@pytest.mark.parametrize(
    ("status", "text", "verdict"),
    [
        (204, b"", "accepted"),
        (200, b"{}", "accepted"),
        (200, b"garbage", "accepted"),
        (200, b'{"error": "no", "status": "403"}', "refused"),
        (200, b'{"errors": {"data": ["no"]}}', "refused"),
        (401, b"", "doubt"),
        (403, b"", "doubt"),
        (406, b"", "refused"),
        (413, b"", "refused"),
        (422, b"", "refused"),
        (425, b"", "again"),
        (500, b"", "again"),
    ],
)
def test_what_vaix_answers_is_judged(status, text, verdict):
    """By the status, and by an error that a success hides."""
    assert ACCOUNT.judge(Answer(status, text)).verdict == verdict
