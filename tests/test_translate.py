"""Facts about the translation itself, whatever the vendors: batches, losses, refusals, headers, privacy."""

from urllib.parse import parse_qsl, unquote

import msgspec
import pytest
import test_golden as golden
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import mappings
from gateway import conformance, fidelity
from gateway.contract import Encoded, Inbound, Secret
from gateway.facts import get, put
from gateway.model import FIELDS, CartItem, Engagement, Event, Item, Origin, Page, User
from gateway.shaping import Fill, Privacy, Share, When
from gateway.translate import Decoded, Target, decode, translate
from gateway.turning import as_event

AT = 1_795_255_200_123_456
ORIGIN = Origin("elsewhere", "events", "click")
CLICK = Engagement(
    id="elsewhere-0",
    origin=ORIGIN,
    received_at=AT,
    action="click",
    decision_id="d-1",
    user=User("u-1"),
    page=Page("PRODUCT", None, "https://shop.example/p/1"),
)
DISMISSAL = replace(CLICK, action="dismiss", variations=("101", "102"), label="Buy", placement="HOME")
PURCHASE = Event(
    id="elsewhere-1",
    origin=ORIGIN,
    received_at=AT,
    type="purchase",
    value=9.5,
    cart=(CartItem("sku-1", 1, 9.5),),
    user=User("u-1"),
    page=CLICK.page,
)


def account(vendor):
    return msgspec.convert(
        golden.ACCOUNTS[vendor], mappings.MAPPINGS[vendor], dec_hook=lambda _type, text: Secret(text)
    )


def decoded(*interactions, headers=None):
    """Interactions of no vendor as if they had just been read."""
    came = Inbound("elsewhere", mappings.MAPPINGS["vaix"].ENDPOINTS[0], headers or {}, {}, b"", AT)
    return Decoded(came, interactions)


def told(vendor, *interactions, headers=None, **settings):
    fill = Fill.of(settings.pop("fill", {}))
    target = Target("t", account(vendor), fill=fill, **settings)
    return translate(decoded(*interactions, headers=headers), target)


def refusals(translation):
    return [(one.interaction, one.reason, one.fields) for one in translation.refused]


# Headers


def test_its_own_vendor_is_told_address_and_browser_only():
    """Towards its own vendor Referer fills nothing; towards all others it is the page."""
    bare = replace(CLICK, page=Page())
    one = decoded(bare, headers={"user-agent": "Browser/1", "referer": "https://shop.example/"})
    for own, location in ((True, None), (False, "https://shop.example/")):
        (heard,) = one.hear(own=own)
        assert (heard.interaction.device.user_agent, heard.interaction.page.location) == ("Browser/1", location)


# Batches


def test_what_shares_a_person_travels_together():
    """One outbound for each endpoint, user and session, in the order of the first interaction of each."""
    other = replace(CLICK, user=User("u-2"))
    translation = told("dynamic_yield", CLICK, PURCHASE, other, CLICK)
    assert [one.indices for one in translation.requests] == [(0, 3), (1,), (2,)]
    first, second, _ = [msgspec.json.decode(one.body) for one in translation.requests]
    assert (len(first["engagements"]), len(second["events"])) == (2, 1)


def test_what_takes_no_batch_goes_one_by_one():
    """Vaix and Auxia's interactions are a request each; an interaction may be several requests."""
    assert [one.indices for one in told("vaix", CLICK, CLICK).requests] == [(0,), (1,)]
    fill = {"placement": "HOME", "variations": ["77", "78"]}
    assert [one.indices for one in told("auxia", CLICK, CLICK, fill=fill).requests] == [(0,), (0,), (1,), (1,)]


def test_nothing_said_is_nothing_sent():
    """An inbound without interactions, or with refused ones only, makes no request."""
    assert told("vaix").requests == ()
    assert told("gravity_field", DISMISSAL).requests == ()


# Refusals


def test_unsupported_is_said_before_missing():
    """Of several reasons the first in the order unsupported, missing, unknown_id is given; a refusal has no losses."""
    nobody = replace(DISMISSAL, user=User())
    translation = told("gravity_field", nobody, strict_ids=True)
    assert refusals(translation) == [(0, "unsupported", ("action",))]
    assert translation.losses == frozenset()
    assert refusals(told("dynamic_yield", replace(CLICK, user=User()), strict_ids=True)) == [
        (0, "missing", ("user.id",))
    ]
    assert refusals(told("dynamic_yield", CLICK, strict_ids=True)) == [(0, "unknown_id", ("decision_id",))]


def test_all_that_is_missing_is_named():
    """A refusal names every missing field, sorted."""
    bare = replace(CLICK, user=User(), page=Page(), decision_id=None)
    assert refusals(told("gravity_field", bare)) == [(0, "missing", ("decision_id", "page.location", "user.id"))]
    assert refusals(told("auxia", bare)) == [(0, "missing", ("decision_id", "placement", "user.id", "variations"))]


def test_strict_ids_look_at_what_would_leave():
    """An id that the target has no place for is a loss, not a refusal; one from a fill is the owner's own."""
    both = replace(CLICK, decision_id=None, slot_id="s-1", variations=("101",))
    assert refusals(told("dynamic_yield", both, strict_ids=True)) == [(0, "unknown_id", ("slot_id",))]
    filled = told("gravity_field", replace(CLICK, decision_id=None), strict_ids=True, fill={"decision_id": "d-9"})
    assert (refusals(filled), filled.copied) == ([], frozenset())


@pytest.mark.parametrize("reason", ["unsupported", "missing", "unknown_id"])
def test_drop_covers_every_reason(reason):
    """`unsupported = "drop"` refuses nothing: what would have been named is lost, and counted."""
    one = {"unsupported": DISMISSAL, "missing": replace(CLICK, page=Page()), "unknown_id": CLICK}[reason]
    ((_, found, fields),) = refusals(told("gravity_field", one, strict_ids=True))
    dropped = told("gravity_field", one, strict_ids=True, unsupported="drop")
    assert found == reason
    assert (dropped.losses, dropped.dropped, dropped.requests) == (frozenset(fields), 1, ())


# As an event


def test_a_turned_engagement_is_flat():
    """A custom event is named by the action and holds flat properties; the named ones win, which is a loss."""
    full = replace(
        DISMISSAL,
        items=(Item("game", 7, 8, 1), Item("game", "g-2")),
        slot_id="s-1",
        properties={"size": "L", "label": "mine"},
    )
    translation = told("dynamic_yield", full, unsupported="event")
    (event,) = msgspec.json.decode(translation.requests[0].body)["events"]
    assert event == {
        "name": "dismiss",
        "properties": {
            "decision_id": "d-1",
            "slot_id": "s-1",
            "variations": "101,102",
            "placement": "HOME",
            "label": "Buy",
            "item_kind": "game",
            "item_id": "7",
            "item_parent_id": "8",
            "size": "L",
        },
    }
    assert translation.losses == {"items", "page.location", "page.type", "properties.label"}
    assert translation.copied == {"decision_id", "slot_id", "variations"}


def test_a_turned_event_keeps_its_name_and_fields():
    """What the catalogue refuses goes without its type, which is lost where the name is not the type's usual one."""
    bare = replace(PURCHASE, cart=None)
    usual = told("dynamic_yield", bare, unsupported="event")
    named = told("dynamic_yield", replace(bare, name="Order"), unsupported="event")
    assert msgspec.json.decode(usual.requests[0].body)["events"] == [{"name": "Purchase", "properties": {"value": 9.5}}]
    assert msgspec.json.decode(named.requests[0].body)["events"][0]["name"] == "Order"
    assert (usual.losses, named.losses) == ({"page.location", "page.type"}, {"page.location", "page.type", "type"})


def test_an_event_never_stands_in_for_a_person():
    """`unsupported = "event"` covers neither a missing user nor an unknown id; a refusal is the custom event's."""
    assert refusals(told("dynamic_yield", replace(DISMISSAL, user=User()), unsupported="event")) == [
        (0, "missing", ("user.id",))
    ]
    assert refusals(told("dynamic_yield", DISMISSAL, unsupported="event", strict_ids=True)) == [
        (0, "unknown_id", ("decision_id", "variations"))
    ]
    assert refusals(told("gravity_field", replace(DISMISSAL, page=Page()), unsupported="event")) == [
        (0, "missing", ("page.location",))
    ]


def test_an_event_is_an_event_already():
    """A turned event is custom, and turning it again changes nothing."""
    turned = as_event(DISMISSAL).event
    again = as_event(turned).event
    assert (turned.type, turned.name) == ("custom", "dismiss")
    assert msgspec.to_builtins(again) == msgspec.to_builtins(turned)


# Losses


def test_fields_that_a_fill_refers_to_are_carried():
    """A field is no loss where an applied fill whose name is carried refers to it."""
    one = replace(CLICK, items=(Item("game", "g-1", None, 1),), brand="shop")
    fill = {"variations": "{item.id}", "placement": "{brand}"}
    assert told("auxia", one, fill=fill).losses == {"items.position", "page.location", "page.type"}
    assert told("gravity_field_sdk", one, fill=fill).losses == {
        *("brand", "items", "page.location", "page.type", "user.id"),
    }


def test_a_partly_said_fill_carries_nothing():
    """Where a target says only some of what a fill made of the items, they are lost."""
    one = replace(CLICK, items=(Item("game", "7"), Item("game", "seven")))
    assert "items" in told("dynamic_yield", one, fill={"variations": "{items.id}"}).losses
    assert "items" not in told("gravity_field", one, fill={"variations": "{items.id}"}).losses


def test_what_is_filtered_is_counted_only():
    """When and share keep interactions back without a loss or a refusal."""
    kept_back = told("vaix", CLICK, DISMISSAL, when=When((("action", ("view",)),)))
    outside = told("vaix", CLICK, share=Share(0.0, 0.0, "shop"))
    assert (kept_back.filtered, kept_back.requests, kept_back.losses, kept_back.refused) == (2, (), frozenset(), ())
    assert outside.filtered == 1


def test_the_time_of_receipt_is_stamped_and_never_lost():
    """A store stamps what has no time; that a target cannot say the stamp is no loss."""
    body = b'{"event_type": "users:login", "user_id": "u-1"}'
    vaix = account("vaix")
    came = Inbound("i", vaix.ENDPOINTS[0], {}, {}, body, AT)
    stamped = decode(vaix, came, stamp=True)
    assert [one.occurred_at for one in stamped.interactions] == [AT]
    assert translate(stamped, Target("t", account("dynamic_yield"))).losses == frozenset()


# Headers


def test_headers_pass_to_the_vendors_that_read_them():
    """User-Agent goes to all, Origin and Referer to Vaix; what could break a header, and all else, to nobody."""
    headers = {"user-agent": "Browser/1", "origin": "https://shop.example", "referer": "https://shop.example/"}
    headers |= {"cookie": "secret", "x-forwarded-for": "203.0.113.7"}
    fill = {"placement": "HOME", "variations": "77"}
    for vendor in golden.ACCOUNTS:
        (outbound,) = told(vendor, CLICK, headers=headers, fill=fill).requests
        passed = {"user-agent", "origin", "referer"} if vendor == "vaix" else {"user-agent"}
        assert outbound.headers.keys() - {"content-type"} == passed
    (outbound,) = told("vaix", CLICK, headers={"user-agent": "a\r\nx-evil: 1", "origin": ""}).requests
    assert outbound.headers.keys() == {"content-type"}


@pytest.mark.parametrize("how", ["drop", "hash"])
def test_a_hidden_field_stops_its_header(how):
    """What privacy drops or hashes does not travel as a header either."""
    headers = {"user-agent": "Browser/1", "referer": "https://shop.example/"}
    hidden = Privacy(key=b"key", **{how: ("device.user_agent", "page.location")})
    (outbound,) = told("vaix", CLICK, headers=headers, privacy=hidden).requests
    assert outbound.headers.keys() == {"content-type"}


# Privacy

HIDEABLE = sorted(FIELDS.keys() - {"action", "type", "consent", "value", "quantity", "occurred_at"})


def marked(interaction):
    """The interaction with a text in each of its facts that occurs nowhere else."""
    for name in HIDEABLE:
        if (value := get(interaction, name)) is None:
            continue
        mark = f"mark {name} mark"
        if name == "items":
            value = tuple(replace(one, id=mark, parent_id=mark) for one in value)
        elif name == "cart":
            value = tuple(replace(one, product_id=mark) for one in value)
        elif name != "page.type":
            value = mark if isinstance(value, str) else (mark,)
        interaction = put(interaction, name, value)
    return interaction


def heard(vendor):
    """Every kind of interaction as the vendor's own clients would say it, marked."""
    ours = account(vendor)
    for _, interaction in fidelity.examples():
        encoded = ours.encode(marked(interaction))
        if isinstance(encoded, Encoded):
            outbound = ours.request(encoded.parts[:1])
            path, _, query = outbound.url.removeprefix(ours.base_url).partition("?")
            endpoint = next(one for one in ours.ENDPOINTS if path in one.paths)
            pairs = dict(parse_qsl(query))
            yield decode(ours, Inbound("heard", endpoint, {}, pairs, outbound.body or b"", AT))


HEARD = {vendor: list(heard(vendor)) for vendor in golden.ACCOUNTS}


@pytest.mark.parametrize("source", golden.ACCOUNTS)
@given(names=st.lists(st.sampled_from(HIDEABLE), min_size=1, max_size=3, unique=True), data=st.data())
def test_what_privacy_hides_is_nowhere_in_what_is_sent(source, names, data):
    """Not in a body, an address or a header, to whichever vendor, the own one included."""
    one = data.draw(st.sampled_from(HEARD[source]))
    hashed = [name for name in names if FIELDS[name] is str and data.draw(st.booleans())]
    hiding = Privacy(tuple(name for name in names if name not in hashed), tuple(hashed), b"key")
    fill = Fill.of({"placement": "HOME", "variations": "77", "page.location": "https://shop.example/"})
    for vendor in golden.ACCOUNTS:
        target = Target("t", account(vendor), fill=fill, privacy=hiding, unsupported="event")
        translation = translate(one, target)
        text = msgspec.json.encode(translation.requests).decode()
        text += "".join((outbound.body or b"").decode() for outbound in translation.requests)
        for name in names:
            if f"mark {name} mark" not in str(get(one.interactions[0], name)):
                continue  # this source's clients do not say it
            assert f"mark {name} mark" not in unquote(text), (vendor, name)
        assert translation.losses.isdisjoint(hiding.drop)


def test_a_vendor_mints_no_new_user_where_privacy_took_the_person():
    """Gravity Field would make a new user of each click that privacy left nameless; a fill may name one instead."""
    body = b'{"user": {"id": "u-1"}, "session": {}, "engagements": [{"type": "CLICK", "decisionId": "d-1"}]}'
    ours = account("dynamic_yield")
    came = decode(ours, Inbound("i", ours.ENDPOINTS[0], {}, {}, body, AT))
    hiding = Privacy(drop=("user.id",))
    assert refusals(translate(came, Target("t", ours, privacy=hiding))) == [(0, "missing", ("user.id",))]
    named = translate(came, Target("t", ours, privacy=hiding, fill=Fill.of({"user.id": "nobody"})))
    assert msgspec.json.decode(named.requests[0].body)["user"] == {"id": "nobody"}


def test_the_source_is_left_as_it_was():
    """Translating to every vendor, with everything shaped, changes nothing of what was decoded."""
    one = decoded(*conformance.interactions())
    before = msgspec.to_builtins(one.interactions)
    for vendor in golden.ACCOUNTS:
        fill = Fill.of({"placement": "{page.type}", "variations": "77", "properties.size": "M"})
        target = Target("t", account(vendor), fill=fill, privacy=Privacy(("device.ip",), ("user.id",), b"key"))
        assert translate(one, target) == translate(one, target)
    assert msgspec.to_builtins(one.interactions) == before


@pytest.mark.parametrize("depth", [50, 300, 990, 100_000])
def test_json_text_may_be_as_deep_as_it_likes(depth):
    """Deeply nested JSON in a text is converted where a target documents a list, or is a loss: never an error."""
    deep = "[" * depth + "]" * depth
    affinity = replace(PURCHASE, type="inform_affinity", properties={"data": f'[{{"a": {deep}}}]'})
    for vendor in golden.ACCOUNTS:
        told(
            vendor,
            affinity,
            unsupported="event",
            fill={"consent": "{properties.data}", "quantity": "{properties.data}"},
        )


def test_numbers_may_be_as_long_as_they_like():
    """A variation of 5,000 digits is no number that a vendor could keep: lost where numbers are asked for."""
    long = replace(CLICK, variations=("9" * 5000, "12"))
    translation = told("dynamic_yield", long)
    assert msgspec.json.decode(translation.requests[0].body)["engagements"][0]["variations"] == [12]
    assert "variations" in translation.losses
    assert "variations" not in told("gravity_field", long).losses
