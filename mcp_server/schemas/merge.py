"""Several schemas that all hold become one: ``allOf``, and what stands beside a ``$ref`` or an ``anyOf``."""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from mcp_server.model.value import JsonObject
from mcp_server.schemas.dialect import Schema
from mcp_server.schemas.phrases import said
from mcp_server.schemas.references import name_of

ANNOTATIONS = {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator"}
CHOICES = ("anyOf", "oneOf")
_MOST_BRANCHES = 64


class Unexpressible(Exception):
    """A schema that one form cannot say. The message completes "it has …"."""


def flatten(schema: JsonObject, defs: Mapping[str, Schema], expanding: frozenset[str] = frozenset()) -> JsonObject:
    """The same schema without ``allOf`` and with only annotations beside ``$ref``, ``anyOf`` and ``oneOf``."""
    parts: list[Any] = [part for part in schema.get("allOf", ()) if part is not True]
    if False in parts:
        raise Unexpressible("a part that nothing can match")
    rest = {keyword: value for keyword, value in schema.items() if keyword not in ("allOf", "$ref")}
    if "$ref" in schema:
        parts.insert(0, {"$ref": schema["$ref"]})
    if len(parts) == 1 and rest.keys() <= ANNOTATIONS:
        return {**flatten(parts[0], defs, expanding), **rest} if parts[0].keys() != {"$ref"} else {**parts[0], **rest}
    return _spread(reduce(merge, [*(_expand(part, defs, expanding) for part in parts), rest]))


def merge(first: JsonObject, second: JsonObject) -> JsonObject:
    """What matches both; where no keyword can say that, the second one's is said in words."""
    merged = {**first}
    if _closed_to(first, second) or _closed_to(second, first):
        raise Unexpressible("an `allOf` in which one part forbids another part's properties")
    for keyword, value in second.items():
        if keyword not in first or first[keyword] == value:
            merged[keyword] = value
        elif keyword in _BOTH:
            merged[keyword] = _BOTH[keyword](first[keyword], value)
        elif description := said({**second, "description": merged.get("description")}, {keyword}):
            merged["description"] = description
    return merged


def types_of(schema: JsonObject) -> list[str]:
    """The types a schema names, as a list; empty when it names none."""
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else list(named)


def _expand(part: JsonObject, defs: Mapping[str, Schema], expanding: frozenset[str]) -> JsonObject:
    flat = flatten(part, defs, expanding)
    if "$ref" not in flat:
        return flat
    name = name_of(flat.pop("$ref"))
    target = defs[name]
    if name in expanding:
        raise Unexpressible("an `allOf` that contains itself")
    if isinstance(target, bool):
        return flat
    return merge(_expand(target, defs, expanding | {name}), flat)


def _spread(schema: JsonObject) -> JsonObject:
    """Put what stands beside ``anyOf`` into each of its branches."""
    choice = next((keyword for keyword in CHOICES if keyword in schema), None)
    rest = {keyword: value for keyword, value in schema.items() if keyword != choice}
    if choice is None or rest.keys() <= ANNOTATIONS:
        return schema
    notes = {keyword: rest.pop(keyword) for keyword in ANNOTATIONS & rest.keys()}
    return {"anyOf": [{"allOf": [rest, branch]} for branch in schema[choice] if branch is not False], **notes}


def _closed_to(closed: JsonObject, other: JsonObject) -> bool:
    names = other.get("properties", {}).keys() | set(other.get("required", ()))
    return closed.get("additionalProperties") is False and not names <= closed.get("properties", {}).keys()


def _types(first: Any, second: Any) -> list[str]:
    left, right = types_of({"type": first}), types_of({"type": second})
    common = [name for name in left if name in right or (name == "integer" and "number" in right)]
    common += [name for name in right if name == "integer" and "number" in left and name not in common]
    if not common:
        raise Unexpressible("an `allOf` whose parts have different types")
    return common


def _properties(first: JsonObject, second: JsonObject) -> JsonObject:
    shared = {name: {"allOf": [first[name], second[name]]} for name in first.keys() & second.keys()}
    return {name: shared.get(name, value) for name, value in {**first, **second}.items()}


def _choices(first: list[Any], second: list[Any]) -> list[Any]:
    if len(first) * len(second) > _MOST_BRANCHES:
        raise Unexpressible(f"more than {_MOST_BRANCHES} combinations of alternatives")
    return [{"allOf": [left, right]} for left in first for right in second]


_BOTH: dict[str, Callable[[Any, Any], Any]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"), min),
    "type": _types,
    "enum": lambda first, second: [value for value in first if value in second],
    "required": lambda first, second: list(dict.fromkeys([*first, *second])),
    "properties": _properties,
    "items": lambda first, second: {"allOf": [first, second]},
    "additionalProperties": lambda first, second: {"allOf": [first, second]},
    "description": lambda first, second: f"{first} {second}",
    "anyOf": _choices,
    "oneOf": _choices,
}
