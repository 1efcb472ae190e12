"""The conformance suite over every mapping that is installed, with the golden stories' inbounds as examples."""

from urllib.parse import parse_qsl

import msgspec
import pytest
import test_golden as golden

import mappings
from gateway import conformance
from gateway.contract import Answer, Encoded, Outbound, Part, Receipt
from gateway.sandbox.validation import contract
from gateway.translate import decode, translate

CONTRACTS = {
    ("gravity_field", "/ssapi/engagement"): "gravity_field.engagement",
    ("gravity_field", "/ssapi/event"): "gravity_field.event",
    ("gravity_field_sdk", "/event"): "gravity_field_sdk.event",
    ("gravity_field_sdk", "/engagement"): "gravity_field_sdk.engagement",
    ("dynamic_yield", "/v2/collect/user/engagement"): "dynamic_yield.engagement",
    ("dynamic_yield", "/v2/collect/user/event"): "dynamic_yield.event",
    ("dynamic_yield", "/v2/collect/user/pageview"): "dynamic_yield.pageview",
    ("vaix", "/api/tracker/events"): "vaix.tracker",
    ("auxia", "/v1/LogTreatmentInteraction"): "auxia.interaction",
    ("auxia", "/v1/LogEvents"): "auxia.events",
}


def stories(vendor):
    return [story for path in golden.STORIES if (story := golden.read(path)).source == vendor]


def examples(vendor):
    return [story.inbound for story in stories(vendor) if not story.told.startswith("rejected")]


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("vendor", mappings.MAPPINGS)
def test_conformance(vendor, check):
    """The mapping keeps what the check's own docstring says."""
    check(mappings.MAPPINGS[vendor], examples(vendor))


@pytest.mark.parametrize("vendor", mappings.MAPPINGS)
def test_composed_requests_keep_the_contract(vendor):
    """What a mapping composes of another vendor's interaction is in order by the vendor's own schema."""
    ours = conformance.account(mappings.MAPPINGS[vendor])
    composed = [one for interaction in conformance.interactions() if (one := ours.encode(interaction))]
    kept = 0
    for encoded in composed:
        for outbound in conformance.outbounds(ours, encoded) if isinstance(encoded, Encoded) else ():
            assert_kept(ours, outbound)
            kept += 1
    assert kept


def assert_kept(ours, outbound):
    path, _, query = outbound.url.removeprefix(ours.base_url).partition("?")
    document = dict(parse_qsl(query)) if outbound.body is None else msgspec.json.decode(outbound.body)
    assert contract(CONTRACTS[ours.NAME, path]).flaws(document) == ()


@pytest.mark.parametrize("path", golden.STORIES, ids=[f"{path.parent.name}/{path.stem}" for path in golden.STORIES])
def test_told_requests_keep_the_contract(path):
    """What the golden stories tell another vendor is in order by that vendor's own schema."""
    story = golden.read(path)
    if story.told.startswith("rejected"):
        return
    decoded = decode(golden.account(story, story.source), story.inbound)
    for vendor in golden.ACCOUNTS:
        if vendor != story.source:
            target = golden.target(story, vendor)
            for outbound in translate(decoded, target).requests:
                assert_kept(target.mapping, outbound)


def test_no_two_vendors_share_a_path():
    """A route's native paths tell its vendor, but for the prefix that its owner gives it."""
    paths = [path for mapping in mappings.MAPPINGS.values() for one in mapping.ENDPOINTS for path in one.paths]
    assert len(set(paths)) == len(paths)


ONE_FOR_ALL = Outbound("POST", "https://evs.gravityfield.ai/ssapi/event", {}, b"{}", ())


@pytest.mark.parametrize(
    ("broken", "check", "said"),
    [
        ({"NAME": "Not A Word"}, "names_itself", "no snake_case word"),
        ({"PASSES_ON": ("cookie",)}, "names_itself", "are kept"),
        ({"request": lambda _self, _parts: ONE_FOR_ALL}, "composes_requests", "one and the same outbound"),
        ({"KEY_HEADERS": ()}, "signs_headers_only", "not all of KEY_HEADERS"),
        ({"decode": lambda _self, _inbound: 1 / 0}, "hears_or_rejects", "division by zero"),
        ({"success": lambda _self: Answer(404)}, "answers_every_error", "success is 404"),
        ({"judge": lambda _self, _answer: Receipt("accepted")}, "judges_every_answer", "is accepted"),
        (
            {"encode": lambda _self, _one: Encoded((Part("event", {"type": "x"}, {}),), frozenset({"label"}))},
            "says_what_it_claims",
            "label is said, but shows nowhere",
        ),
    ],
)
def test_a_mapping_that_breaks_the_contract_is_found(broken, check, said):
    """The suite itself fails where it should: each of these mappings is broken in one way."""
    mapping = type("Broken", (mappings.MAPPINGS["gravity_field"],), broken)
    with pytest.raises(conformance.Broken, match=said):
        getattr(conformance, check)(mapping, examples("gravity_field"))
