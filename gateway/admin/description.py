"""The admin API's description for programs: OpenAPI 3.1, made of the table that serves it."""

import re
from collections.abc import Sequence
from typing import Any, Final

from msgspec import json

from gateway.admin.call import Reply, Stream, Text
from gateway.admin.operation import Operation
from gateway.admin.problem import TYPE, Problem

_REFERENCE: Final = "#/components/schemas/{name}"
_NAME: Final = re.compile(r"\{(\w+)\}")
_BETWEEN: Final = re.compile(r"\W+")
_PATTERNS: Final = {"id": r"^\d{1,18}$"}
_TOLD: Final = (
    "What people on call ask of a gateway and have it do. Where a token is set it is shown as a bearer token or, by a"
    " browser that logged in, as a cookie. Every refusal is a problem (RFC 9457)."
)


def document(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """The whole description."""
    kinds = [one.gives for one in operations if one.gives not in (Reply, Stream, Text)]
    bodies = [one.asks for one in operations if one.method != "GET"]
    schemas, components = json.schema_components([*kinds, *bodies, Problem], ref_template=_REFERENCE)
    answers = dict(zip(map(id, operations), _spread(operations, schemas), strict=True))
    asked = iter(schemas[len(kinds) : len(kinds) + len(bodies)])
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        told = _operation(one, answers[id(one)])
        if one.method != "GET":
            told["requestBody"] = {"required": True, "content": {"application/json": {"schema": next(asked)}}}
        paths.setdefault(one.path, {})[one.method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {"title": "Interaction Gateway, admin port", "version": version, "description": _TOLD},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],
    }


def _spread(operations: Sequence[Operation], schemas: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Beside each operation what it answers with success: a media type with a schema, or no content."""
    found, left = [], iter(schemas)
    for one in operations:
        if one.gives is Reply:
            found.append({"description": "Done."})
        elif one.gives is Stream:
            found.append(_content("text/event-stream", {"type": "string"}))
        elif one.gives is Text:
            found.append(_content("text/plain", {"type": "string"}))
        else:
            found.append(_content("application/json", next(left)))
    return found


def _content(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "Done.", "content": {kind: {"schema": schema}}}


def _operation(one: Operation, answer: dict[str, Any]) -> dict[str, Any]:
    told = " ".join((one.run.__doc__ or "").split())
    responses: dict[str, Any] = {"204" if one.gives is Reply else "200": answer}
    if one.path == "/readyz":
        responses["503"] = answer
    problem = {"schema": {"$ref": _REFERENCE.format(name="Problem")}}
    responses["default"] = {"description": "Refused.", "content": {TYPE: problem}}
    found: dict[str, Any] = {
        "operationId": _id(one),
        "summary": told.partition(";")[0].rstrip("."),
        "description": told,
        "parameters": [*_in_path(one), *_in_query(one)],
        "responses": responses,
    }
    return found | ({"security": [{}]} if one.open else {})


def _id(one: Operation) -> str:
    words = _NAME.sub(r"by_\1", one.path.removeprefix("/api")).strip("/")
    return f"{one.method.lower()}_{_BETWEEN.sub('_', words)}"


def _in_path(one: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1} | ({"pattern": _PATTERNS[name]} if name in _PATTERNS else {}),
        }
        for name in _NAME.findall(one.path)
    ]


def _in_query(one: Operation) -> list[dict[str, Any]]:
    """The query's members, each with the schema that its field has."""
    if one.method != "GET":
        return []
    _, components = json.schema_components([one.asks])
    (schema,) = components.values()
    needed = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": _plain(member)}
        for name, member in schema["properties"].items()
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A member's schema without null, which a query cannot say."""
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    return options[0] if len(options) == 1 else schema
