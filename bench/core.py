"""The pure core: decode + one encode for each source and target, and the fan-out to all five, beside raw msgspec.

Raw msgspec is `decode` of the same bytes into dicts and `encode` of those: what nobody who reads and writes JSON here
can do without.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from msgspec import json

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


def main() -> None:
    """Print one line for each body: microseconds, and in brackets how many times raw msgspec's."""
    targets = [
        Target(name, MAPPINGS[name].example(), fill=Fill.of(_FILLS.get(name, {})), unsupported="event")
        for name in MAPPINGS
    ]
    print(f"\nThe pure core, CPU µs per event (× raw msgspec decode + encode): medians of {_ROUNDS} rounds of {_CALLS}")
    print(f"{'':34}{'bytes':>6} {'raw':>12} {'decode':>13}", end="")
    print("".join(f"{'+ ' + target.name:>20}" for target in targets) + f"{'fan-out to five':>22}")
    slowest = {"one": 0.0, "fan-out": 0.0}
    for (vendor, endpoint, told), body in BODIES.items():
        found = cpu_micros(_contenders(MAPPINGS[vendor].example(), endpoint, body, targets), _ROUNDS, _CALLS)
        raw = found.pop("raw")
        print(f"{vendor + ' ' + told:34}{len(body):6} {raw:12.2f}" + "".join(_cell(one, raw) for one in found.values()))
        slowest["fan-out"] = max(slowest["fan-out"], found.pop("fan-out").median)
        slowest["one"] = max(slowest["one"], *(one.median for one in found.values()))
    print(f"slowest: decode + one encode {slowest['one']:.1f} µs, fan-out to five {slowest['fan-out']:.1f} µs")


def _contenders(
    source: VendorMapping, endpoint: str, body: bytes, targets: list[Target]
) -> dict[str, Callable[[], object]]:
    """Raw msgspec, the decoder alone, decode + one encode for each target, and all of them for one decode."""
    place = next(one for one in source.ENDPOINTS if one.name == endpoint)
    inbound = Inbound("0af7651916cd43dd", place, HEADERS, {}, body, 1_795_255_200_000_000, "203.0.113.7")
    for target in targets:
        assert translate(decode(source, inbound), target).requests, f"{source.NAME} {endpoint} to {target.name}"
    return {
        "raw": partial(_raw, body),
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


def _cell(one: Measured, raw: Measured) -> str:
    return f"{one:12.1f} ({one.median / raw.median:4.1f}×)"
