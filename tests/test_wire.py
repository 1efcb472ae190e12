"""How bodies are read, and that what is worked out once is worked out for what it belongs to."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import pytest
import test_golden as golden
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct
from msgspec.structs import replace

from gateway.contract import is_printable, kept
from gateway.errors import Malformed, NotJson
from gateway.times import to_iso
from gateway.translate import Decoded, decode, translate
from gateway.wire import BESIDE, Shape


class Line(Struct, frozen=True, omit_defaults=True):
    sku: Annotated[str, Meta(min_length=1)]
    note: Annotated[str | None, BESIDE] = None


class Order(Struct, frozen=True, omit_defaults=True, rename="camel"):
    order_id: str
    lines: list[Line] = msgspec.field(default_factory=list)
    first: Line | None = None
    by_name: dict[str, Line] | None = None
    tags: tuple[str, ...] = ()


class Open(Struct, frozen=True):
    data: dict[str, Any]


ORDER = Shape(Order)
OPEN = Shape(Open)


def read(shape, document):
    return shape.read(msgspec.json.encode(document))


DOCUMENTED = {
    "orderId": "o",
    "lines": [{"sku": "a"}],
    "first": {"sku": "b"},
    "byName": {"x": {"sku": "c"}},
    "tags": ["t"],
}


def test_a_documented_body_is_read_without_its_document():
    """What holds nothing but the Struct's keys is the Struct alone, and the same as by way of the document."""
    found, document = read(ORDER, DOCUMENTED)
    assert document is None
    assert msgspec.json.decode(msgspec.json.encode(found)) == DOCUMENTED
    assert msgspec.to_builtins(found) == msgspec.to_builtins(ORDER.form(DOCUMENTED))


@pytest.mark.parametrize(
    "more",
    [
        {"other": 1},
        {"lines": [{"sku": "a"}, {"sku": "b", "other": None}]},
        {"first": {"sku": "a", "other": {}}},
        {"byName": {"x": {"sku": "a", "other": []}}},
        {"first": {"sku": "a", "note": "n"}},
    ],
)
def test_a_body_that_says_more_comes_with_its_document(more):
    """A key that is not named at any level, or one that is marked as beside the model, brings the document."""
    body = DOCUMENTED | more
    found, document = read(ORDER, body)
    assert document == body
    assert isinstance(found, Order)


def test_a_null_beside_the_model_says_nothing_more():
    """A marked key that is null needs no document."""
    assert read(ORDER, DOCUMENTED | {"first": {"sku": "a", "note": None}})[1] is None


def test_what_does_not_fit_is_named_either_way():
    """Every fault is named, whether or not the body says more."""
    for more in ({}, {"other": 1}):
        with pytest.raises(Malformed) as caught:
            read(ORDER, {"lines": [{"sku": ""}, {}]} | more)
        assert [fault.path for fault in caught.value.faults] == ["lines[0].sku", "lines[1].sku", "orderId"]


@pytest.mark.parametrize(("depth", "fits"), [(99, True), (100, False), (5000, False)])
def test_an_open_part_is_no_deeper_than_any_document(depth, fits):
    """What a Struct leaves open may not nest beyond the limit of all documents."""
    body = b'{"data":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    if fits:
        assert OPEN.read(body)[1] is None
        return
    with pytest.raises(NotJson):
        OPEN.read(body)


# What is worked out once


def story():
    found = golden.read(golden.FOLDER / "dynamic_yield" / "context.txt")
    return found, decode(golden.account(found, "dynamic_yield"), replace(found.inbound, headers={"user-agent": "A/1"}))


def test_a_copy_of_what_was_decoded_starts_anew():
    """Other interactions or another inbound under the same names never get what was worked out for the first."""
    found, decoded = story()
    target = golden.target(found, "gravity_field_sdk")
    target = replace(target, fill=golden.Fill.of({"decision_id": "d-1"}), unsupported="event")
    dismissed = tuple([replace(one, action="dismiss", decision_id="d-2") for one in decoded.interactions])
    before = translate(decoded, target).requests
    other = replace(decoded, interactions=dismissed)
    elsewhere = replace(decoded, inbound=replace(decoded.inbound, headers={"user-agent": "B/2"}, client_ip="192.0.2.9"))
    fresh = [Decoded(one.inbound, one.interactions) for one in (other, elsewhere)]
    assert [translate(one, target).requests for one in (other, elsewhere)] == [
        translate(one, target).requests for one in fresh
    ]
    assert translate(other, target).requests != before != translate(elsewhere, target).requests


@given(micros=st.integers(-(2**56), 2**58), unit=st.sampled_from(["seconds", "milliseconds", "microseconds"]))
def test_a_time_is_written_as_the_standard_library_does(micros, unit):
    """Each unit cuts, for any time within the years 1 to 9999, before the epoch too."""
    try:
        expected = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).replace(tzinfo=None)
    except OverflowError:
        assert to_iso(micros, unit) is None
        return
    assert to_iso(micros, unit) == expected.isoformat("T", unit)


@pytest.mark.parametrize("value", ["a\r\nb", "\x7f", "\ud800", "a\tb"])
def test_what_could_break_a_request_is_no_header(value):
    """Control characters and broken text are kept of nobody."""
    assert not is_printable(value)
    assert kept({"user-agent": value, "origin": "https://shop.example"}) == {"origin": "https://shop.example"}
