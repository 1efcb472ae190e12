"""The pure core: decode + one encode for each source and target, and the fan-out to all five, beside raw msgspec.

Raw msgspec is `decode` of the same bytes into dicts and `encode` of those: what nobody who reads and writes JSON here
can do without.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from msgspec import json
from msgspec.structs import replace

from bench.bodies import BODIES, HEADERS
from bench.rounds import Measured, cpu_micros
from gateway.contract import Inbound, VendorMapping
from gateway.shaping import Fill
from gateway.translate import Target, decode, translate
from mappings import MAPPINGS

_ROUNDS: Final = 15
_CALLS: Final = 1000
_SHOP: Final = {"page.location": "https://shop.example/"}
_FILLS: Final = {
    "gravity_field": _SHOP,
    "gravity_field_sdk": _SHOP,
    "auxia": {"placement": "HOME_SCREEN", "variations": "1254"},
}
"""What an owner supplies, as in config.toml, so that every vendor can be told."""


def main() -> dict[str, dict[str, Measured]]:
    """Print a line for each body: microseconds with half the quartiles' distance, and how many times raw msgspec's.

    Gives what was measured by body, then by what was done with it.
    """
    targets = _targets()
    columns = ["raw", "decode", *(f"+ {target.name}" for target in targets), "fan-out to five"]
    print(f"\nThe pure core, CPU µs per event (× raw msgspec decode + encode): medians of {_ROUNDS} rounds of {_CALLS}")
    print("*: refused as it is and sent as a custom event, so encoded twice\n")
    print(f"{'':29}{'bytes':>5}" + "".join(f"{column:>20}" for column in columns))
    slowest = {"encoded once": 0.0, "encoded twice": 0.0, "fan-out to five": 0.0}
    measured: dict[str, dict[str, Measured]] = {}
    for (vendor, endpoint, told), body in BODIES.items():
        source, inbound = MAPPINGS[vendor].example(), _inbound(MAPPINGS[vendor].example(), endpoint, body)
        twice = {target.name for target in targets if _is_refused(source, inbound, target)}
        found = measured[f"{vendor} {told}"] = cpu_micros(_contenders(source, inbound, targets), _ROUNDS, _CALLS)
        cells = [_cell(one, found["raw"], "*" if name in twice else "") for name, one in found.items()]
        print(f"{vendor + ' ' + told:29}{len(body):5}" + "".join(cells))
        for name, one in found.items():
            kind = "fan-out to five" if name == "fan-out" else "encoded twice" if name in twice else "encoded once"
            slowest[kind] = max(slowest[kind], one.median)
    print("slowest: " + ", ".join(f"{kind} {micros:.1f} µs" for kind, micros in slowest.items()))
    return measured


def everything() -> dict[str, dict[str, Callable[[], object]]]:
    """All that is measured, by body, then by what is done with it."""
    return {
        f"{vendor} {told}": _contenders(source, _inbound(source, endpoint, body), _targets())
        for (vendor, endpoint, told), body in BODIES.items()
        for source in [MAPPINGS[vendor].example()]
    }


def _targets() -> list[Target]:
    return [
        Target(name, MAPPINGS[name].example(), fill=Fill.of(_FILLS.get(name, {})), unsupported="event")
        for name in MAPPINGS
    ]


def _inbound(source: VendorMapping, endpoint: str, body: bytes) -> Inbound:
    place = next(one for one in source.ENDPOINTS if one.name == endpoint)
    return Inbound("0af7651916cd43dd", place, HEADERS, {}, body, 1_795_255_200_000_000, "203.0.113.7")


def _is_refused(source: VendorMapping, inbound: Inbound, target: Target) -> bool:
    """Whether the target has no word for it; a custom event must then serve."""
    decoded = decode(source, inbound)
    assert translate(decoded, target).requests, f"{source.NAME} to {target.name}: nothing is sent"
    return bool(translate(decoded, replace(target, unsupported="reject")).refused)


def _contenders(source: VendorMapping, inbound: Inbound, targets: list[Target]) -> dict[str, Callable[[], object]]:
    """Raw msgspec, the decoder alone, decode + one encode for each target, and all of them for one decode."""
    return {
        "raw": partial(_raw, inbound.body),
        "decode": partial(decode, source, inbound),
        **{target.name: partial(_fan_out, source, inbound, [target]) for target in targets},
        "fan-out": partial(_fan_out, source, inbound, targets),
    }


_DECODE: Final = json.Decoder().decode
_ENCODE: Final = json.Encoder().encode


def _raw(body: bytes) -> bytes:
    return _ENCODE(_DECODE(body))


def _fan_out(source: VendorMapping, inbound: Inbound, targets: list[Target]) -> list[Any]:
    decoded = decode(source, inbound)
    return [translate(decoded, target) for target in targets]


def _cell(one: Measured, raw: Measured, mark: str) -> str:
    text = f"{one:.1f} ({one.median / raw.median:.1f}×){mark}" if one is not raw else f"{one:.2f}"
    return f"{text:>20}"
