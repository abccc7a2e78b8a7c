"""A schema in the API's strict subset, together with the way back from a value of that form."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from jsonschema.protocols import Validator

from mcp_server.model.value import JsonObject
from mcp_server.schemas.dialect import Schema, part, within
from mcp_server.schemas.json_text import is_list, is_object
from mcp_server.schemas.merge import CHOICES, Unexpressible, flatten, types_of
from mcp_server.schemas.phrases import said
from mcp_server.schemas.references import Document, name_of

Restore = Callable[[Any], Any]

FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
_NUMBER = {"multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_KEPT = {"string": {"pattern", "format"}, "number": _NUMBER, "integer": _NUMBER, "array": {"minItems", "maxItems"}}
_SAID_OF_ALL = {"not", "if", "then", "else"}
_SAID = {
    "string": {"minLength", "maxLength", "contentEncoding", "contentMediaType"},
    "array": {"uniqueItems", "contains", "minContains", "maxContains"},
    "object": {
        "minProperties", "maxProperties", "propertyNames", "dependentRequired", "dependentSchemas", "dependencies",
    },
}  # fmt: skip
_MARKS = {
    "object": {"properties", "required", "additionalProperties", "patternProperties"},
    "array": {"items", "prefixItems", "minItems", "maxItems", "uniqueItems"},
    "string": {"pattern", "format", "minLength", "maxLength"},
    "number": _NUMBER,
}
"""What a schema without a type is about, by the keywords it has."""
_PYTHON_TYPES: dict[type[Any], str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
_NULL: JsonObject = {"type": "null"}
_MOST_NODES = 10_000


class Form(NamedTuple):
    """A strict schema; ``restore`` turns a value of it into a value of the schema it was made from."""

    schema: JsonObject
    restore: Restore


class Rewriter:
    """Rewrites the schemas of one document. ``validator`` is one for the caller's draft, with the document's root."""

    def __init__(self, document: Document, validator: Validator) -> None:
        self.document = document
        self.validator = within(validator, document.defs)
        self.defs: dict[str, Form] = {}
        self._nodes = 0

    def strict(self, schema: Schema, at: str = "$") -> Form:
        """The strict form of ``schema``. Raises ``Unexpressible`` when it has none; ``at`` says where in the text."""
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise Unexpressible(f"more than {_MOST_NODES} parts once it is written out")
        if isinstance(schema, bool):
            raise Unexpressible(f"{'any' if schema else 'no'} value at {at}")
        flat = flatten(schema, self.document.defs)
        if "$ref" in flat:
            return self._reference(flat)
        choice = next((keyword for keyword in CHOICES if keyword in flat), None)
        if choice is not None:
            return self._choice([branch for branch in flat[choice] if branch is not False], flat, at)
        types = self._types(flat, at)
        if len(types) > 1 and not {"object", "array"}.isdisjoint(types):
            return self._choice([{**flat, "type": name} for name in types], {}, at)
        return self._typed(flat, types, at)

    def _typed(self, schema: JsonObject, types: list[str], at: str) -> Form:
        kept = set[str]().union(*(_KEPT.get(name, set()) for name in types))
        words = _SAID_OF_ALL.union(*(_SAID.get(name, set()) for name in types))
        for keyword in sorted(kept & {"format", "pattern"} & schema.keys()):
            if not _enforced(keyword, schema[keyword]):
                kept.discard(keyword)
                words.add(keyword)
        strict: JsonObject = {"type": types[0] if len(types) == 1 else types}
        strict |= {keyword: value for keyword, value in schema.items() if keyword in kept}
        strict |= self._values(schema, types)
        if description := said(schema, words):
            strict["description"] = description
        if types == ["object"]:
            return self._object(schema, strict, at)
        return self._array(schema, strict, at) if types == ["array"] else Form(strict, same)

    def _types(self, schema: JsonObject, at: str) -> list[str]:
        """The types a schema allows: named, or told by its fixed values or its keywords."""
        values = _fixed(schema)
        types = types_of(schema) or list(dict.fromkeys(map(_type_of, values))) or _told(schema, at)
        if not values:
            return types
        types = [name for name in types if any(self._has_type(value, [name]) for value in values)]
        if not types:
            raise Unexpressible(f"an `enum` or `const` without a value of the type asked for at {at}")
        if not {"object", "array"}.isdisjoint(types):
            raise Unexpressible(f"an object or a list as a fixed value at {at}")
        return types

    def _values(self, schema: JsonObject, types: list[str]) -> JsonObject:
        """``const`` and ``enum``, with only the values that have one of the types."""
        values: JsonObject = {"const": schema["const"]} if "const" in schema else {}
        if "enum" in schema:
            values["enum"] = [value for value in schema["enum"] if self._has_type(value, types)]
        return values

    def _has_type(self, value: Any, types: list[str]) -> bool:
        return part(self.validator, {"type": types}).is_valid(value)

    def _object(self, schema: JsonObject, strict: JsonObject, at: str) -> Form:
        _refuse_open(schema, at)
        required = set(schema.get("required", ()))
        properties: JsonObject = {}
        inner: dict[str, Restore] = {}
        absent: set[str] = set()
        for name, value in schema.get("properties", {}).items():
            if value is False and name not in required:
                continue
            form = self.strict(value, f"{at}.{name}")
            if name not in required:
                form = Form(_or_null(form.schema), form.restore)
                if not part(self.validator, value).is_valid(None):
                    absent.add(name)
            properties[name], inner[name] = form
        strict |= {"properties": properties, "required": list(properties), "additionalProperties": False}
        return Form(strict, _Members(inner, frozenset(absent)))

    def _array(self, schema: JsonObject, strict: JsonObject, at: str) -> Form:
        if "prefixItems" in schema or isinstance(schema.get("items", True), (bool, list)):
            raise Unexpressible(f"a list without one schema for its items at {at}")
        items = self.strict(schema["items"], f"{at}[*]")
        return Form({**strict, "items": items.schema}, _Items(items.restore))

    def _choice(self, branches: list[Schema], notes: JsonObject, at: str) -> Form:
        if not branches:
            raise Unexpressible(f"no value at {at}")
        forms = [self.strict(branch, at) for branch in branches]
        strict: JsonObject = {"anyOf": [form.schema for form in forms]}
        if description := notes.get("description"):
            strict["description"] = description
        if all(form.restore is same for form in forms):
            return Form(strict, same)
        checks = [part(self.validator, branch) for branch in branches]
        return Form(strict, _Branches(list(zip(checks, [form.restore for form in forms], strict=True))))

    def _reference(self, schema: JsonObject) -> Form:
        name = name_of(schema["$ref"])
        if name not in self.defs:
            self.defs[name] = Form({}, same)  # taken before it is rewritten: it may refer to itself
            self.defs[name] = self.strict(self.document.defs[name], f"$defs.{name}")
        bare = {"$ref": schema["$ref"]}
        description = schema.get("description")
        strict: JsonObject = {"anyOf": [bare], "description": description} if description else bare
        return Form(strict, _Later(self.defs, name))


class _Later(NamedTuple):
    defs: dict[str, Form]
    name: str

    def __call__(self, value: Any) -> Any:
        return self.defs[self.name].restore(value)


class _Members(NamedTuple):
    inner: dict[str, Restore]
    absent: frozenset[str]

    def __call__(self, value: Any) -> Any:
        if not is_object(value):
            return value
        return {
            name: self.inner.get(name, same)(item)
            for name, item in value.items()
            if not (item is None and name in self.absent)
        }


class _Items(NamedTuple):
    inner: Restore

    def __call__(self, value: Any) -> Any:
        return [self.inner(item) for item in value] if is_list(value) else value


class _Branches(NamedTuple):
    branches: list[tuple[Validator, Restore]]

    def __call__(self, value: Any) -> Any:
        """By the branch that it fits afterwards; one that changes nothing first: a null that may stay stays."""
        restored = [(check, restore(value)) for check, restore in self.branches]
        restored.sort(key=lambda pair: pair[1] != value)
        return next((candidate for check, candidate in restored if check.is_valid(candidate)), value)


def same(value: Any) -> Any:
    """The way back where nothing was changed."""
    return value


def _fixed(schema: JsonObject) -> list[Any]:
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def _told(schema: JsonObject, at: str) -> list[str]:
    """The type that a schema without one is about."""
    for name, marks in _MARKS.items():
        if not marks.isdisjoint(schema):
            return [name]
    raise Unexpressible(f"any value at {at}")


def _type_of(value: Any) -> str:
    return _PYTHON_TYPES.get(cast("type[Any]", type(value)), "object")


def _refuse_open(schema: JsonObject, at: str) -> None:
    properties = schema.get("properties", {})
    additional = schema.get("additionalProperties", not properties)
    if additional is not False or "patternProperties" in schema or schema.get("unevaluatedProperties", False):
        raise Unexpressible(f"an open map at {at}")
    if not isinstance(schema.get("required", []), list) or not set(schema.get("required", [])) <= properties.keys():
        raise Unexpressible(f"a required property without a schema at {at}")


def _enforced(keyword: str, value: str) -> bool:
    """The API knows some formats, and patterns that do not look around."""
    return value in FORMATS if keyword == "format" else not any(mark in value for mark in ("(?=", "(?!", "(?<"))


def _or_null(schema: JsonObject) -> JsonObject:
    """The form that null fits too, as what stands for an absent property."""
    branches = schema.get("anyOf", [schema])
    if any("null" in types_of(branch) for branch in branches):
        return schema
    notes = {"description": schema["description"]} if "anyOf" in schema and "description" in schema else {}
    return {"anyOf": [*branches, _NULL], **notes}
