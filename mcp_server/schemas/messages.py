"""What is wrong with a value, in words short enough for a model and a person."""

from typing import Any, cast

from jsonschema import exceptions

from mcp_server.model.answer import SchemaError
from mcp_server.schemas.json_text import as_json, brief, is_list

_LENGTH = 200
_ALTERNATIVES = 3
_MESSAGES = {
    "type": "must be of type {wanted}, but is {value}",
    "enum": "must be one of {wanted}, but is {value}",
    "const": "must be {wanted}, but is {value}",
    "format": "must have the format {wanted}, but is {value}",
    "pattern": "must match {wanted}, but is {value}",
    "minLength": "must be at least {wanted} characters long, but is {value}",
    "maxLength": "must be at most {wanted} characters long, but is {value}",
    "minItems": "must have at least {wanted} items",
    "maxItems": "must have at most {wanted} items",
    "uniqueItems": "must not hold an item twice",
    "minProperties": "must have at least {wanted} properties",
    "maxProperties": "must have at most {wanted} properties",
    "not": "must not match {wanted}",
    "contains": "must hold an item that matches {wanted}",
}


def described(error: Any) -> SchemaError:
    """A validator's error; of alternatives that all fail, the one that came closest, or else each in turn."""
    closest = cast("Any", exceptions).best_match([error]) or error
    alternatives = [_message(other) for other in closest.context or ()]
    message = "; or ".join(list(dict.fromkeys(alternatives))[:_ALTERNATIVES]) or _message(closest)
    return SchemaError(path=closest.json_path, message=brief(message, _LENGTH))


def _message(error: Any) -> str:
    template = _MESSAGES.get(str(error.validator))
    if template is None:
        return str(error.message)
    wanted: Any = error.validator_value
    if error.validator == "type" and is_list(wanted):
        wanted = " or ".join(wanted)
    shown = wanted if error.validator in ("type", "format") else as_json(wanted)
    return template.format(wanted=shown, value=as_json(error.instance))
