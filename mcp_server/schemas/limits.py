"""The API's limits on a strict schema, checked before anything is sent."""

from collections.abc import Iterator
from typing import Any

from mcp_server.errors import InvalidArgument
from mcp_server.model.value import JsonObject
from mcp_server.schemas.json_text import as_json

_PROPERTIES = 5_000
_LEVELS = 10
_CHARACTERS = 120_000
_ENUM_VALUES = 1_000
_LONG_ENUM = 250
_LONG_ENUM_CHARACTERS = 15_000


def check(schema: JsonObject) -> None:
    """Raise ``InvalidArgument`` with the limit in its text when a strict schema is over one of them.

    Levels are objects within objects as the schema is written; a reference does not count as what it refers to.
    """
    nodes = list(_nodes(schema, 0))
    names = [name for node, _ in nodes for name in (*node.get("properties", {}), *node.get("$defs", {}))]
    enums: list[list[Any]] = [node["enum"] for node, _ in nodes if "enum" in node]
    values = [value for enum in enums for value in enum] + [node["const"] for node, _ in nodes if "const" in node]
    _limit("properties", sum(len(node.get("properties", {})) for node, _ in nodes), _PROPERTIES)
    _limit("levels of nested objects", max(level for _, level in nodes), _LEVELS)
    _limit("characters of names and fixed values", sum(map(len, names)) + sum(map(_length, values)), _CHARACTERS)
    _limit("enum values", sum(map(len, enums)), _ENUM_VALUES)
    for enum in enums:
        if len(enum) > _LONG_ENUM:
            kind = f"characters in an enum of more than {_LONG_ENUM} values"
            _limit(kind, sum(map(_length, enum)), _LONG_ENUM_CHARACTERS)


def _nodes(schema: JsonObject, above: int) -> Iterator[tuple[JsonObject, int]]:
    """Every part of a strict schema, with the number of objects it lies in, itself included."""
    level = above + (schema.get("type") == "object")
    yield schema, level
    for inner in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
        yield from _nodes(inner, level)
    for inner in schema.get("$defs", {}).values():
        yield from _nodes(inner, 0)
    if "items" in schema:
        yield from _nodes(schema["items"], level)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(as_json(value))


def _limit(what: str, found: int, most: int) -> None:
    if found > most:
        raise InvalidArgument(
            f"`schema` has {found:,} {what}; the API takes at most {most:,}. Make it smaller, or set `strict` to false."
        )
