"""A keyword that a backend cannot enforce is said in words, in the description."""

from mcp_server.model.value import JsonObject
from mcp_server.schemas.json_text import as_json

_PHRASES = {
    "minLength": "At least {} characters long.",
    "maxLength": "At most {} characters long.",
    "pattern": "Matches the regular expression {}.",
    "format": "Format: {}.",
    "contentEncoding": "Encoded as {}.",
    "contentMediaType": "Holds content of type {}.",
    "uniqueItems": "No two items are equal.",
    "contains": "Holds an item that matches {}.",
    "minContains": "At least {} such items.",
    "maxContains": "At most {} such items.",
    "minProperties": "At least {} properties are given.",
    "maxProperties": "At most {} properties are given.",
    "propertyNames": "Property names match {}.",
    "dependentRequired": "Properties that need others: {}.",
    "dependentSchemas": "When a property is given, the whole matches its schema: {}.",
    "dependencies": "Properties that need others: {}.",
    "not": "Does not match {}.",
    "if": "If it matches {},",
    "then": "then it matches {}.",
    "else": "Otherwise it matches {}.",
}
"""In the order in which they are said."""


def said(schema: JsonObject, keywords: set[str]) -> str | None:
    """The description of ``schema``, with those of its ``keywords`` that have a phrase added; None when empty."""
    phrases = [
        phrase.format(as_json(schema[keyword], 200))
        for keyword, phrase in _PHRASES.items()
        if keyword in keywords and schema.get(keyword, False) is not False
    ]
    return " ".join([*filter(None, [schema.get("description")]), *phrases]) or None
