"""The API's strict subset, written down a second time and apart from the code that produces it."""

import re
from typing import Any

TYPES = {"string", "number", "boolean", "integer", "object", "array", "null"}
ALLOWED = {
    "type", "enum", "const", "anyOf", "$ref", "description", "pattern", "format", "multipleOf", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "items", "properties", "required",
    "additionalProperties",
}  # fmt: skip
FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}


def broken_rules(root: dict[str, Any]) -> list[str]:
    """Every place at which ``root`` is outside the subset."""
    broken = [] if root.get("type") == "object" and "anyOf" not in root else ["the root is not an object"]
    defs = root.get("$defs", {})
    parts = [("#", {key: value for key, value in root.items() if key != "$defs"})]
    parts += [(f"#/$defs/{name}", value) for name, value in defs.items()]
    while parts:
        at, schema = parts.pop()
        broken += [f"{at}: {problem}" for problem in _problems(schema, defs)]
        parts += [(f"{at}/{name}", value) for name, value in schema.get("properties", {}).items()]
        parts += [(f"{at}/anyOf/{number}", value) for number, value in enumerate(schema.get("anyOf", []))]
        parts += [(f"{at}/items", schema["items"])] if "items" in schema else []
    return broken


def _problems(schema: dict[str, Any], defs: dict[str, Any]) -> list[str]:
    problems = [f"{keyword} is not allowed" for keyword in schema.keys() - ALLOWED]
    if "$ref" in schema:
        match = re.fullmatch(r"#/\$defs/([A-Za-z0-9_-]+)", schema["$ref"])
        problems += [] if match and match[1] in defs else [f"{schema['$ref']} leads nowhere"]
        problems += ["something beside $ref"] if len(schema) > 1 else []
        return problems
    if "anyOf" in schema:
        return problems + (["constraints beside anyOf"] if schema.keys() - {"anyOf", "description"} else [])
    named = schema.get("type")
    types = {named} if isinstance(named, str) else set(named or ())
    problems += [] if types and types <= TYPES else [f"type {named!r}"]
    if "object" in types:
        problems += [] if schema.get("additionalProperties") is False else ["an open object"]
        problems += [] if schema.get("required") == list(schema.get("properties", [])) else ["an optional property"]
    if "array" in types and not isinstance(schema.get("items"), dict):
        problems.append("a list of anything")
    if schema.get("format", "date") not in FORMATS:
        problems.append(f"format {schema['format']}")
    return problems
