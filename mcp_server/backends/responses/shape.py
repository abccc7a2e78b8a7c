"""JSON of another's making, taken apart without trusting its shape."""

from typing import cast

from mcp_server.model.value import JsonObject


def mapping(value: object) -> JsonObject:
    """``value`` if it is a JSON object, else an empty one."""
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def objects(value: object) -> list[JsonObject]:
    """The JSON objects in ``value`` if it is a list, else none."""
    return [mapping(item) for item in cast("list[object]", value) if item] if isinstance(value, list) else []


def string(value: object) -> str | None:
    """``value`` if it is a string that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def texts(value: object) -> list[str]:
    """The strings in ``value`` if it is a list, else none."""
    return [one for one in cast("list[object]", value) if isinstance(one, str)] if isinstance(value, list) else []
