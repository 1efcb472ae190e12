"""The JSON Schema of config.toml, made from the Structs of its tables and of the mappings; a file's faults by it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import fields

from gateway.config.faults import not_among, unknown_key
from gateway.config.lines import Path
from gateway.config.structs import REQUIRED, TABLES, RouteTable, Tables, UpstreamTable
from gateway.config.units import QUANTITIES, Written
from gateway.contract import Mappings, Secret

_FORMS: Final = 'a secret: { env = "NAME" }, { file = "PATH" } or "the text itself"'
_TEXT: Final = {"type": "string", "minLength": 1}
_SECRET: Final = {
    "title": _FORMS,
    "anyOf": [
        _TEXT,
        *(
            {"type": "object", "properties": {key: _TEXT}, "required": [key], "additionalProperties": False}
            for key in ("env", "file")
        ),
    ],
}
_KINDS: Final = {
    "object": "a table",
    "array": "an array",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
}


def json_schema(mappings: Mappings) -> dict[str, Any]:
    """What config.toml may hold with these mappings: for editors, and for telling every fault of its shape."""
    structs = (*TABLES, *mappings.values())
    tables, components = msgspec.json.schema_components(structs, schema_hook=_custom, ref_template="#/$defs/{name}")
    definitions = {name: _tidied(component) for name, component in components.items()} | {"Secret": _SECRET}
    named = dict(zip(structs, (definitions[table["$ref"].rpartition("/")[2]] for table in tables), strict=True))
    for struct in TABLES:
        _complete(struct, named[struct])
    named[RouteTable]["properties"]["accepts"] = {"enum": sorted(mappings)}
    common = dict(named[UpstreamTable])
    named[UpstreamTable].clear()
    named[UpstreamTable] |= _discriminated(mappings)
    for vendor, mapping in mappings.items():
        definitions[f"upstream_{vendor}"] = _upstream(vendor, common, named[mapping], mapping)
    root = named[Tables]
    merged = [root, *(named[mapping] for mapping in mappings.values())]
    kept = {name: one for name, one in definitions.items() if not any(one is other for other in merged)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": kept}


def shape_faults(tree: object, mappings: Mappings) -> Iterator[tuple[Path, str]]:
    """Every unknown or missing key and every wrong type of a file, by path."""
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(json_schema(mappings)).iter_errors(tree):
        yield from _explain(error)


# Making


def _custom(kind: type) -> dict[str, Any]:
    """The schema of a type that JSON does not have."""
    if kind is Secret:
        return {"$ref": "#/$defs/Secret"}
    for quantity in QUANTITIES:
        if kind is quantity:
            return {"type": "string", "pattern": quantity.PATTERN, "title": quantity.TITLE}
    raise NotImplementedError  # so msgspec is told that a hook does not know a type


def _tidied(schema: Any) -> Any:
    """A schema without nulls, which TOML has not, and without the Structs' own names; objects take no other keys."""
    if isinstance(schema, list):
        return [_tidied(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _tidied(value) for key, value in schema.items() if not (key == "default" and value is None)}
    if "properties" in schema:
        tidy.pop("title", None)
        tidy["additionalProperties"] = False
    if "anyOf" in tidy:
        options = [one for one in tidy["anyOf"] if one != {"type": "null"}]
        if len(options) == 1:
            del tidy["anyOf"]
            return {**options[0], **tidy}
        tidy["anyOf"] = options
    return tidy


def _complete(struct: type[msgspec.Struct], schema: dict[str, Any]) -> None:
    """Add what the Struct has in another form: defaults with their units, and keys that must be there."""
    for one in fields(struct):
        if isinstance(one.default_factory, Written):
            schema["properties"][one.encode_name]["default"] = one.default_factory.text
    schema["required"] = list(REQUIRED.get(struct, ()))


def _discriminated(mappings: Mapping[str, Any]) -> dict[str, Any]:
    """An upstream: its vendor says which keys it has."""
    return {
        "type": "object",
        "properties": {"vendor": {"enum": sorted(mappings)}},
        "required": ["vendor"],
        "allOf": [
            {
                "if": {"properties": {"vendor": {"const": vendor}}, "required": ["vendor"]},
                "then": {"$ref": f"#/$defs/upstream_{vendor}"},
            }
            for vendor in sorted(mappings)
        ],
    }


def _upstream(vendor: str, common: dict[str, Any], own: dict[str, Any], mapping: Any) -> dict[str, Any]:
    """One vendor's upstream: the common keys and the mapping's settings."""
    shared = {key: value for key, value in common["properties"].items() if key != "base_url"}
    settings = dict(own["properties"])
    for one in fields(mapping):
        keys = getattr(msgspec.inspect.type_info(one.type), "key_type", None)
        if isinstance(keys, msgspec.inspect.LiteralType):
            settings[one.encode_name] = {**settings[one.encode_name], "propertyNames": {"enum": list(keys.values)}}
    return {
        **({"description": own["description"]} if "description" in own else {}),
        "type": "object",
        "properties": {**shared, **settings, "vendor": {"const": vendor}},
        "required": ["vendor", *own.get("required", ())],
        "additionalProperties": False,
    }


# Explaining


def _explain(error: Any) -> Iterator[tuple[Path, str]]:
    """One jsonschema error as faults in the words of TOML, each at the place it concerns."""
    path, value, asked = tuple(error.absolute_path), error.instance, error.validator_value
    if "propertyNames" in error.relative_schema_path:
        yield (*path, value), unknown_key(value, asked)
        return
    if "title" in error.schema:
        instead = f", not {_kind(value)}" if error.validator == "type" else ""
        yield path, f"must be {error.schema['title']}{instead}"
        return
    match error.validator:
        case "required":
            yield from (((*path, name), "is required") for name in asked if name not in value)
        case "additionalProperties":
            known = error.schema["properties"]
            yield from (((*path, name), unknown_key(name, known)) for name in value if name not in known)
        case "anyOf":
            yield from _explain_options(error, path)
        case "type":
            yield path, f"must be {_KINDS[asked]}, not {_kind(value)}"
        case "enum":
            yield path, not_among(value, asked)
        case _:
            yield (
                path,
                _LIMITS[error.validator].format(asked) if error.validator in _LIMITS else str(error.message)[:200],
            )


_LIMITS: Final = {
    "minLength": "must not be empty",
    "minItems": "must not be empty",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "pattern": "must match {}",
}


def _explain_options(error: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """A value that is none of several: what is wrong by those of its type, else which types there are."""
    near = [one for one in error.context if one.relative_path or one.validator != "type"]
    for one in near:
        yield from _explain(one)
    if not near:
        wanted = " or ".join(_KINDS.get(option.get("type", ""), "a table") for option in error.validator_value)
        yield path, f"must be {wanted}, not {_kind(error.instance)}"


def _kind(value: object) -> str:
    """What TOML calls a value's type."""
    return _KINDS_OF.get(type(value), "a date or time")


_KINDS_OF: Final = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "a table",
}
