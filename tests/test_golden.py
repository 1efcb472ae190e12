"""The golden files: one inbound's whole story each, with what every vendor is told and what each is not.

A file is three parts, divided by lines of dashes: TOML settings with the story's reason; the inbound; and what follows
from them, which `pytest --update-golden` rewrites. The diff is then what a person reviews, against the rules of the
translation.
"""

import tomllib
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

import mappings
from gateway.contract import MASK, Inbound, Secret, masked
from gateway.errors import Fault, GatewayError, NoKey, Refused
from gateway.facts import get, stated
from gateway.model import FIELDS, Engagement
from gateway.shaping import Fill, Privacy, Share, When
from gateway.times import from_iso
from gateway.translate import Target, decode, translate

FOLDER = Path(__file__).parent / "golden"
STORIES = sorted(FOLDER.rglob("*.txt"))
RULE = "-" * 100
ACCOUNTS = {
    "gravity_field": {"api_key": "gf-key"},
    "gravity_field_sdk": {"api_key": "sdk-key", "section": "5f2d8c1ab4e7f90012345678"},
    "dynamic_yield": {"api_key": "dy-key"},
    "vaix": {"token": "vx-token", "client_id": "shop-group"},
    "auxia": {"api_key": "ax-key", "events_api_key": "ax-events-key", "project_id": "1250"},
}
PRIVACY_KEY = b"a key of the golden files"
SETTINGS = {"fill", "unsupported", "strict_ids", "privacy", "share", "when"}


class Story(msgspec.Struct):
    """One golden file, read: its settings, its inbound, and what it says follows."""

    settings: dict
    source: str
    inbound: Inbound
    head: str
    told: str


def read(path):
    settings_text, inbound_text, told = path.read_text().split(f"{RULE}\n", 2)
    settings = tomllib.loads(settings_text)
    lines, _, body = inbound_text.partition("\n\n")
    request, *header_lines = lines.splitlines()
    method, target = request.split(" ", 1)
    url = urlsplit(target)
    source = path.parent.name
    endpoint = next(
        one for one in mappings.MAPPINGS[source].ENDPOINTS if one.method == method and url.path in one.paths
    )
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in header_lines)}
    inbound = Inbound(
        id="inbound",
        endpoint=endpoint,
        headers=headers,
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        body=body.encode(),
        received_at=from_iso(settings.get("received_at", "2026-11-21T10:00:00.123456Z")),
        client_ip=settings.get("client_ip"),
    )
    return Story(settings, source, inbound, f"{settings_text}{RULE}\n{inbound_text}{RULE}\n", told)


def replay(story):
    """All that follows from a story's inbound, as text."""
    source = account(story, story.source)
    try:
        decoded = decode(source, story.inbound, stamp=story.settings.get("mode") == "store")
    except GatewayError as error:
        return f"rejected\n{answer(source.failure(error))}"
    parts = [listed(index, one) for index, one in enumerate(decoded.interactions)]
    vendors = story.settings.get("only", ACCOUNTS)
    parts += [told(decoded, target(story, vendor), source) for vendor in ACCOUNTS if vendor in vendors]
    return "\n".join(parts)


def account(story, vendor):
    settings = ACCOUNTS[vendor] | story.settings.get("account", {}).get(vendor, {})
    settings = {name: value for name, value in settings.items() if value != "none"}
    return msgspec.convert(settings, mappings.MAPPINGS[vendor], dec_hook=lambda _type, text: Secret(text))


def target(story, vendor):
    """A vendor as the story's target: what `[target]` says, by name overridden by `[target.<vendor>]`."""
    tables = story.settings.get("target", {})
    own = tables.get(vendor, {})
    table = {name: value for name, value in tables.items() if name in SETTINGS} | own
    share = table.get("share")
    return Target(
        name=vendor,
        mapping=account(story, vendor),
        when=When(tuple((name, tuple(globs)) for name, globs in table.get("when", {}).items())),
        share=share and Share(share["from"], share["to"], "shop"),
        fill=Fill.of(tables.get("fill", {}) | own.get("fill", {})),
        privacy=Privacy(tuple(table["privacy"].get("drop", ())), tuple(table["privacy"].get("hash", ())), PRIVACY_KEY)
        if "privacy" in table
        else Privacy(),
        unsupported=table.get("unsupported", "reject"),
        strict_ids=table.get("strict_ids", False),
    )


def listed(index, one):
    """An interaction's facts by their canonical names."""
    kind = "engagement" if isinstance(one, Engagement) else "event"
    lines = [f"[{index}] {kind}, by {one.origin.vendor} {one.origin.endpoint} {one.origin.type or '(no type)'}"]
    names = sorted(stated(one) - {"items.position"}, key=lambda name: (name not in FIELDS, name))
    lines += [f"    {name} = {msgspec.json.encode(get(one, name)).decode()}" for name in names]
    return "\n".join([*lines, ""])


def told(decoded, target, source):
    """What one target is told, and by name what it is not."""
    translation = translate(decoded, target)
    lines = [f"{RULE}", f"to {target.name}"]
    for outbound in translation.requests:
        signed = masked(target.mapping).sign(outbound, MASK)
        lines += ["", f"{signed.method} {signed.url}"]
        lines += [f"{name}: {value}" for name, value in sorted(signed.headers.items())]
        lines += [pretty(msgspec.json.decode(signed.body))] if signed.body is not None else []
    lines.append("")
    lines += [f"lost: {', '.join(sorted(translation.losses))}"] if translation.losses else []
    lines += [f"copied: {', '.join(sorted(translation.copied))}"] if translation.copied else []
    lines += [f"refused: [{one.interaction}] {one.reason} {', '.join(one.fields)}" for one in translation.refused]
    lines += [f"filtered: {translation.filtered}"] if translation.filtered else []
    lines += [f"dropped: {translation.dropped}"] if translation.dropped else []
    if translation.refused and not translation.requests:
        faults = tuple(
            Fault(f"[{one.interaction}]", f"{one.reason} {', '.join(one.fields)}") for one in translation.refused
        )
        lines.append(f"answered: {answer(source.failure(Refused(faults)))}")
    elif translation.requests:
        lines.append(f"answered: {answer(source.success())}")
    return "\n".join([*lines, ""])


def answer(given):
    return f"{given.status} {given.body.decode()}".rstrip()


def pretty(value, indent=""):
    """JSON that a person can review: an object or list stands on one line where it fits."""
    line = indent + msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    if len(line) <= len(RULE) or not isinstance(value, (dict, list)) or not value:
        return line.removeprefix(indent) if not indent else line
    deeper = indent + "  "
    if isinstance(value, list):
        members = [pretty(member, deeper) for member in value]
        return "\n".join([f"{indent}[", ",\n".join(members), f"{indent}]"])
    members = [
        f"{deeper}{msgspec.json.encode(key).decode()}: {pretty(member, deeper).removeprefix(deeper)}"
        for key, member in value.items()
    ]
    return "\n".join([f"{indent}{{", ",\n".join(members), f"{indent}}}"])


@pytest.mark.parametrize("path", STORIES, ids=[f"{path.parent.name}/{path.stem}" for path in STORIES])
def test_golden(path, request):
    """The story's inbound still has exactly these consequences for every vendor."""
    story = read(path)
    follows = replay(story)
    if request.config.getoption("--update-golden"):
        path.write_text(story.head + follows)
        return
    assert follows == story.told


def test_every_pair_of_vendors_is_told_of():
    """For engagements and for events, each of the 25 pairs has a story in which something arrives."""
    arrived = Counter()
    for path in STORIES:
        story = read(path)
        try:
            decoded = decode(account(story, story.source), story.inbound)
        except GatewayError:
            continue
        for vendor in story.settings.get("only", ACCOUNTS):
            translation = translate(decoded, target(story, vendor))
            for outbound in translation.requests:
                arrived.update({(type(decoded.interactions[i]), story.source, vendor) for i in outbound.indices})
    pairs = {(source, vendor) for source in ACCOUNTS for vendor in ACCOUNTS}
    for kind in (mappings.gravity_field.decode.Engagement, mappings.gravity_field.decode.Event):
        assert {(source, vendor) for one, source, vendor in arrived if one is kind} == pairs


def test_every_reason_of_refusal_is_told_of():
    """`unsupported`, `missing` and `unknown_id` each occur, and so do drops, filters and copied ids."""
    text = "\n".join(read(path).told for path in STORIES)
    for word in (
        "] unsupported ",
        "] missing ",
        "] unknown_id ",
        "\ndropped: ",
        "\nfiltered: ",
        "\ncopied: ",
        "rejected",
    ):
        assert word in text


def test_no_key_is_answered_in_the_dialect():
    """Each vendor's callers are told of a missing key in that vendor's own form."""
    said = {vendor: answer(mappings.MAPPINGS[vendor].example().failure(NoKey("no key"))) for vendor in ACCOUNTS}
    assert said == {
        "gravity_field": '401 {"code":401,"message":"no key","type":"no_key"}',
        "gravity_field_sdk": '403 {"code":403,"message":"no key","type":"no_key"}',
        "dynamic_yield": '401 {"error":"401"}',
        "vaix": '401 {"error":"no key","status":"401"}',
        "auxia": '401 {"error":{"code":401,"message":"no key","status":"UNAUTHENTICATED"}}',
    }
