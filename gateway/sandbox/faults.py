"""Failures on demand: how they are written, and which calls they hit."""

import random
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.sandbox.vendors import VENDORS

Kind = Literal["status", "slow", "hang", "reset", "garbage", "ok-error", "not-http", "cut-off"]
ANY: Final = "*"
SPELLINGS: Final = {
    "400 … 599": "that status in the vendor's words; 429 and 503 say Retry-After: 1, or as 429:30 asks",
    "301 302 303 307 308": "a redirect",
    "slow:<ms>": "the ordinary answer, so much later",
    "hang": "no answer, until the client goes",
    "reset": "the connection reset (RST)",
    "garbage": "200 with a body that is no JSON",
    "ok-error": "200 whose body is the vendor's error form",
    "not-http": "bytes that are no HTTP answer, then the connection closed",
    "cut-off": "half an answer, then the connection closed",
}
"""How a fault is written, and what it does."""

_PLAIN: Final[tuple[Kind, ...]] = ("hang", "reset", "garbage", "ok-error", "not-http", "cut-off")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_RETRIED: Final = frozenset({429, 503})
_SLOWEST: Final = 600_000


class Fault(Struct, frozen=True):
    """One failure: `number` is the status or the milliseconds, `retry_after` seconds where the answer says so."""

    kind: Kind
    number: int = 0
    retry_after: int | None = None


def parse(text: str) -> Fault:
    """The fault that a text like `429`, `hang` or `slow:250` names; ValueError when it names none."""
    word, _, argument = text.strip().partition(":")
    for kind in _PLAIN:
        if word == kind and not argument:
            return Fault(kind)
    number = int(argument) if argument.isascii() and argument.isdigit() else None
    if word == "slow" and number is not None and number <= _SLOWEST:
        return Fault("slow", number)
    status = int(word) if word.isascii() and word.isdigit() and len(word) == 3 else 0
    if status in _RETRIED and (number is not None or not argument):
        return Fault("status", status, 1 if number is None else number)
    if (400 <= status <= 599 or status in _REDIRECTS) and not argument:
        return Fault("status", status)
    raise ValueError(f"no fault {text!r}; known are {', '.join(SPELLINGS)}")


class Rule(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A fault for a vendor (`*`: each of them): for a share of its calls, and for so many calls, or until cleared."""

    vendor: str
    fault: str
    rate: Annotated[float, Meta(gt=0, le=1)] = 1.0
    count: Annotated[int, Meta(ge=1)] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        """Refuses an unknown vendor or fault."""
        names = [ANY, *(vendor.name for vendor in VENDORS)]
        if self.vendor not in names:
            raise ValueError(f"no vendor {self.vendor!r}; known are {', '.join(names)}")
        parse(self.fault)


class FaultPlan:
    """The rules in force, at most one per vendor; which calls a rate hits depends on the seed alone."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._rules: dict[str, Rule] = {}
        self._chances: dict[str, random.Random] = {}

    @property
    def rules(self) -> list[Rule]:
        """The rules in force, `count` being what is left of it."""
        return list(self._rules.values())

    def set(self, rule: Rule) -> None:
        """Puts a rule in the place of its vendor's present one."""
        self._rules[rule.vendor] = msgspec.structs.replace(rule)
        seed = self._seed if rule.seed is None else rule.seed
        self._chances[rule.vendor] = random.Random(f"{seed}:{rule.vendor}")  # noqa: S311  # chance, not secrecy

    def clear(self) -> None:
        """Takes every rule away."""
        self._rules.clear()

    def draw(self, vendor: str) -> str | None:
        """The fault that this call of the vendor gets, its own rule asked before the one for all."""
        for name in (vendor, ANY):
            rule = self._rules.get(name)
            if rule is None or self._chances[name].random() >= rule.rate:
                continue
            if rule.count is not None:
                rule.count -= 1
                if rule.count == 0:
                    del self._rules[name]
            return rule.fault
        return None
