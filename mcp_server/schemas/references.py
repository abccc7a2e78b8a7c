"""Every reference points at a flat ``$defs``: after this pass nobody has to know about ids, anchors or pointers."""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from referencing import Specification
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT3, DRAFT4, DRAFT6, DRAFT7, DRAFT202012, specification_with

from mcp_server.errors import InvalidArgument
from mcp_server.model.value import JsonObject
from mcp_server.schemas.dialect import NOTHING_ELSE, Schema
from mcp_server.schemas.json_text import is_list, is_object

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ONE = {
    "additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
    "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
}  # fmt: skip
_MANY = {"allOf", "anyOf", "oneOf", "prefixItems", "items"}
_NAMED = {"dependencies", "dependentSchemas", "patternProperties", "properties"}
_DROPPED = {
    "$schema", "$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary", "$comment", "$defs",
    "definitions",
}  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A schema whose references are all ``#/$defs/NAME``. A root that refers to itself is such a reference too."""

    root: Schema
    defs: dict[str, Schema]


def name_of(reference: str) -> str:
    """The name in ``defs`` that a reference of a ``Document`` points at."""
    return reference.removeprefix("#/$defs/")


def collect(schema: Schema) -> Document:
    """A deep copy of a valid JSON Schema as a ``Document``.

    Raises ``InvalidArgument`` for a reference that the schema does not hold itself: nothing is fetched.
    """
    declared = schema.get("$schema") if isinstance(schema, dict) else None
    specification = specification_with(str(declared), default=DRAFT202012) if declared else DRAFT202012
    collector = _Collector(specification)
    resource = specification.create_resource(schema)
    root = collector.copy(schema, NOTHING_ELSE.resolver_with_root(resource))
    if id(schema) in collector.names:
        root = {"$ref": f"#/$defs/{collector.names[id(schema)]}"}
    return Document(root, collector.defs)


def map_inner(schema: JsonObject, change: Callable[[Any], Any]) -> JsonObject:
    """A deep copy of ``schema`` in which each schema directly inside it is replaced by what ``change`` makes of it."""
    return {keyword: _map_value(keyword, value, change) for keyword, value in schema.items()}


def _map_value(keyword: str, value: Any, change: Callable[[Any], Any]) -> Any:
    if keyword in _NAMED and is_object(value):
        return {name: deepcopy(item) if is_list(item) else change(item) for name, item in value.items()}
    if keyword in _MANY and is_list(value):
        return [change(item) for item in value]
    return change(value) if keyword in _ONE else deepcopy(value)


@dataclass
class _Collector:
    specification: Specification[Any]
    defs: dict[str, Schema] = field(default_factory=dict[str, Schema])
    names: dict[int, str] = field(default_factory=dict[int, str])

    def copy(self, schema: Any, resolver: Any) -> Any:
        if not is_object(schema):
            return schema
        live = self._keywords(schema)
        kept = {keyword: value for keyword, value in live.items() if keyword not in (*_REFERENCES, *_DROPPED)}
        copied = map_inner(kept, lambda inner: self._inner(inner, resolver))
        references = [live[keyword] for keyword in _REFERENCES if isinstance(live.get(keyword), str)]
        return {"$ref": self._reference(references[0], resolver), **copied} if references else copied

    def _keywords(self, schema: JsonObject) -> JsonObject:
        """What counts: up to draft 7 everything beside a ``$ref`` is ignored; draft 4 says exclusive with a bool."""
        old = self.specification in (DRAFT3, DRAFT4, DRAFT6, DRAFT7)
        if old and "$ref" in schema:
            return {keyword: schema[keyword] for keyword in ("$ref", "description") if keyword in schema}
        if self.specification in (DRAFT3, DRAFT4):
            schema = {keyword: value for keyword, value in schema.items() if keyword != "id"}
            for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
                if schema.pop(exclusive, False) and inclusive in schema:
                    schema[exclusive] = schema.pop(inclusive)
        return schema

    def _inner(self, schema: Any, resolver: Any) -> Any:
        if not is_object(schema):
            return schema
        return self.copy(schema, resolver.in_subresource(self.specification.create_resource(schema)))

    def _reference(self, reference: str, resolver: Any) -> str:
        try:
            found = resolver.lookup(reference)
        except Unresolvable as error:
            raise InvalidArgument(
                f"`schema` refers to {reference!r}, which it does not hold; put what it refers to into `$defs` "
                "(nothing is fetched)."
            ) from error
        key = id(found.contents)
        if key not in self.names:
            self.names[key] = self._free_name(reference)
            self.defs[self.names[key]] = True  # taken before its content is copied: it may refer to itself
            self.defs[self.names[key]] = self.copy(found.contents, found.resolver)
        return f"#/$defs/{self.names[key]}"

    def _free_name(self, reference: str) -> str:
        last = reference.rpartition("#")[2].rpartition("/")[2]
        name = stem = re.sub(r"[^A-Za-z0-9_-]+", "_", last) or "root"
        number = 2
        while name in self.defs:
            name, number = f"{stem}_{number}", number + 1
        return name
