"""From bytes to a vendor's typed wire form, or every fault with its path.

msgspec decides, fast; only when it refuses is the JSON Schema of the same Struct asked, with jsonschema, to name every
fault. There is one description of each wire form, the Struct, so the two cannot disagree.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, reduce
from itertools import compress, product
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Generic, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from gateway.errors import Fault, Malformed, NotJson

T = TypeVar("T", bound=msgspec.Struct)

_DEPTH: Final = 100
"""How deep a document may nest: far beyond any vendor's, far below what recursion bears."""
_TOO_DEEP: Final = f"the JSON document is nested deeper than {_DEPTH} levels"
_DECODER: Final = msgspec.json.Decoder()
encode_json: Final = msgspec.json.Encoder().encode
"""Compact JSON, as bytes."""


def read_json(body: bytes) -> Any:
    """The JSON document in a body; raises NotJson when there is none. The last of duplicate keys wins."""
    try:
        tree = _DECODER.decode(body)
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotJson(f"the body is not a JSON document: {error}") from None
    if _may_be_too_deep(body) and _depth(tree) > _DEPTH:
        raise NotJson(_TOO_DEEP)
    return tree


def _may_be_too_deep(body: bytes) -> bool:
    """Whether a body opens enough objects and lists; what is left without them tells faster than counting."""
    return len(body) - len(body.replace(b"{", b"").replace(b"[", b"")) > _DEPTH


def _depth(tree: object) -> int:
    """How many objects and lists enclose the innermost one, without recursion."""
    depth, level = 0, [tree]
    while level := [
        member
        for one in level
        if isinstance(one, (dict, list))
        for member in (one.values() if isinstance(one, dict) else one)
    ]:
        depth += 1
    return depth


def json_text(value: object) -> str:
    """A value as compact JSON text."""
    return encode_json(value).decode()


def rest(tree: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """What an object holds beside the keys its wire form names."""
    if known.issuperset(tree):
        return {}
    return {key: value for key, value in tree.items() if key not in known}


Outside = dict[str, dict[str, Any]]
"""What stands beside the documented keys of a document's objects, by their paths."""


def places(always: Iterable[str], optional: Sequence[str]) -> dict[tuple[bool, ...], Outside]:
    """The paths of the objects of a document, by which of the optional ones are there, with nothing beside them.

    Nobody changes them in place.
    """
    return {
        there: {path: {} for path in (*always, *compress(optional, there))}
        for there in product((False, True), repeat=len(optional))
    }


def beside(paths: Iterable[str], tree: Any, known: Mapping[str, frozenset[str]]) -> Outside:
    """What stands beside the known keys of a document's objects, by their paths; the vendor's `options` apart."""
    outside: Outside = {}
    for path in paths:
        found = tree
        for key in () if path == "body" else path.split("."):
            found = found[key]
        outside[path] = rest(found, known[path])
    if "options" in outside["body"]:
        outside["options"] = {"options": outside["body"].pop("options")}
    return outside


def names(wire: type[msgspec.Struct]) -> frozenset[str]:
    """The keys that a wire Struct knows, as they are spelled on the wire."""
    return frozenset(wire.__struct_encode_fields__)


def stating(members: dict[str, Any]) -> dict[str, Any]:
    """The members of an object that are not null, whatever is inside them."""
    return {key: value for key, value in members.items() if value is not None}


def are_plain(members: Mapping[str, Any]) -> bool:
    """Whether each member of an object is a number, a boolean or a text that says something."""
    values = members.values()
    return _NOT_PLAIN.isdisjoint(map(type, values)) and "" not in values


_NOT_PLAIN: Final = frozenset({NoneType, list, tuple, dict})


def without_nulls(value: Any) -> Any:
    """The value without null members, at any depth of its objects."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member) for member in value]
    return value


def known(**members: Any) -> dict[str, Any]:
    """An object of the members that are not None."""
    return {key: value for key, value in members.items() if value is not None}


def restored(outside: Mapping[str, dict[str, Any]], path: str, said: msgspec.Struct) -> Any:
    """An object as its own vendor sent it: what is said of it and what stood beside that; None where it stood not."""
    beside = outside.get(path)
    if beside:
        return joined(said, beside)
    return said if beside is not None or said != type(said)() else None


def whole(outside: Mapping[str, dict[str, Any]], **objects: msgspec.Struct) -> dict[str, Any]:
    """A body as its own vendor sent it: its objects by their keys, what stood beside them, the vendor's options."""
    body: dict[str, Any] = {}
    for key, said in objects.items():
        member = restored(outside, key, said)
        if member is not None:
            body[key] = member
    for path in ("body", "options"):
        if beside := outside.get(path):
            body.update(without_nulls(beside))
    return body


def joined(said: msgspec.Struct, beside: dict[str, Any]) -> dict[str, Any]:
    """A wire Struct that omits its defaults as an object, with what stood beside it."""
    members: dict[str, Any] = msgspec.to_builtins(said)
    members.update(without_nulls(beside))
    return members


BESIDE: Final = msgspec.Meta(extra={"beside": True})
"""Marks a documented optional field that the model has no place for: what stands there is read from the document."""


class Shape(Generic[T]):
    """The form of one endpoint's body: a wire Struct and the faults of what does not fit it.

    `also` is JSON Schema for what a Struct cannot say (one key needed where another is absent); a decoder that finds
    such a condition broken raises `refused`. `tidied` gives a document the one documented form where the vendor takes
    others, too.
    """

    def __init__(
        self,
        wire: type[T],
        also: Mapping[str, Any] | None = None,
        tidied: Callable[[Any], Any] | None = None,
    ) -> None:
        self.wire = wire
        self.keys = names(wire)
        self._also = also or {}
        self._tidied = tidied
        self._is_open = _is_open(wire)

    def read(self, body: bytes) -> tuple[T, Any]:
        """A body as the wire Struct; beside it the JSON document itself where that says more than the Struct.

        It says more by keys that the Struct does not name or marks as BESIDE. Without them, as most clients send it, a
        body is read once and the document is None. Raises NotJson, or Malformed with every fault.
        """
        try:
            found = self._documented(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            tree = self.document(body)
            return self.form(tree), tree
        if self._is_open and _may_be_too_deep(body):
            read_json(body)
        return found, None

    def document(self, body: bytes) -> Any:
        """The JSON document in a body, tidied; raises NotJson when there is none."""
        tree = read_json(body)
        return tree if self._tidied is None else self._tidied(tree)

    def refused(self, body: bytes) -> Malformed:
        """What is wrong with a body that breaks a condition which the Struct cannot say."""
        return Malformed(self.faults(self.document(body)))

    def form(self, tree: object) -> T:
        """A JSON document as the wire Struct; raises Malformed with every fault."""
        try:
            return msgspec.convert(tree, self.wire)
        except msgspec.ValidationError as error:
            raise Malformed(self.faults(tree) or (_msgspec_fault(error),)) from None
        except RecursionError:
            raise NotJson(_TOO_DEEP) from None

    @cached_property
    def _documented(self) -> Callable[[bytes], T]:
        return msgspec.json.Decoder(_closed(self.wire)).decode

    def faults(self, tree: object) -> tuple[Fault, ...]:
        """Every fault of a tree by the Struct's JSON Schema, ordered by path."""
        found = {fault for error in self._validator.iter_errors(tree) for fault in _explain(error)}
        wider = {one for one in found if (narrowed := _without_null(one)) != one and narrowed in found}
        return tuple(sorted(found - wider))

    @cached_property
    def _validator(self) -> Any:
        from jsonschema import Draft202012Validator

        return Draft202012Validator({**msgspec.json.schema(self.wire), **self._also})


@cache
def _closed(wire: type[T]) -> type[T]:
    """The same wire Struct, and those within it, without room for keys that they do not name or mark as BESIDE."""
    fields = [(one.name, _closed_type(one.type), _room(one)) for one in msgspec.structs.fields(wire)]
    name = f"Closed{wire.__name__}"
    closed: Any = msgspec.defstruct(name, fields, bases=(wire,), frozen=True, kw_only=True, forbid_unknown_fields=True)
    found: type[T] = closed
    return found


def _room(field: FieldInfo) -> Any:
    """The same default and key for a field of another type."""
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory, name=field.encode_name)
    return msgspec.field(default=field.default, name=field.encode_name)


def _closed_type(type_: Any) -> Any:
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return _closed(type_)
    origin, inner = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return None if BESIDE in inner else Annotated[(_closed_type(inner[0]), *inner[1:])]
    if origin in (Union, UnionType):
        return reduce(or_, map(_closed_type, inner))
    return origin[tuple(map(_closed_type, inner))] if origin in (list, tuple, dict) else type_


def _is_open(type_: Any) -> bool:
    """Whether a type has room for anything, nested as deep as it may be."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return any(_is_open(field.type) for field in msgspec.structs.fields(type_))
    return type_ is Any or any(map(_is_open, get_args(type_)))


def at(path: Iterable[str | int]) -> str:
    """A path as people write it: `engagements[0].decisionId`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _explain(error: Any) -> Iterator[Fault]:
    """One jsonschema error as faults, each at the place it concerns."""
    path = list(error.absolute_path)
    match error.validator:
        case "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            yield from (Fault(at([*path, name]), "is required") for name in missing)
        case "additionalProperties":
            extra = [name for name in error.instance if name not in error.schema.get("properties", {})]
            yield from (Fault(at([*path, name]), "is not known here") for name in extra)
        case "anyOf" | "oneOf":
            deeper = [inner for inner in error.context if len(inner.relative_path) > 0 or inner.validator != "type"]
            if deeper:
                for inner in deeper:
                    yield from _explain(inner)
            else:
                wanted = " or ".join(str(inner.validator_value) for inner in error.context)
                yield Fault(at(path), f"must be {wanted}, not {_kind(error.instance)}")
        case "type":
            wanted = (
                error.validator_value if isinstance(error.validator_value, str) else " or ".join(error.validator_value)
            )
            yield Fault(at(path), f"must be {wanted}, not {_kind(error.instance)}")
        case "enum" | "const":
            allowed = error.validator_value if error.validator == "enum" else [error.validator_value]
            yield Fault(at(path), f"must be one of {', '.join(map(str, allowed))}")
        case "minItems" | "minLength":
            yield Fault(at(path), "must not be empty")
        case "pattern":
            yield Fault(at(path), f"must match {error.validator_value}")
        case _:
            yield Fault(at(path), str(error.message)[:200])


def _without_null(fault: Fault) -> Fault:
    """The same fault where null would not do either."""
    return Fault(fault.path, fault.message.replace(" or null, not ", ", not "))


def _kind(value: object) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def _msgspec_fault(error: msgspec.ValidationError) -> Fault:
    """A fault from msgspec's own words, which end in the path: "… - at `$.a[0].b`"."""
    message, _, path = str(error).partition(" - at `$")
    return Fault(path.rstrip("`").lstrip("."), message[:1].lower() + message[1:])
