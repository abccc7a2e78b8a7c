"""The filter language of vector stores, and the limits of what is filed in them."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, cast

from mcp_server.errors import InvalidArgument
from mcp_server.index.protocol import Filing
from mcp_server.model.value import JsonObject

MAX_ATTRIBUTES = 16
MAX_KEY = 64
MAX_STRING = 512
MAX_DEPTH = 16
CHUNK_TOKENS = 100, 4096

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_LISTS = ("in", "nin")
_COMPARISONS = ("eq", "ne", *_ORDER, *_LISTS)
_COMPOUNDS = ("and", "or")


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Refuse what a vector store would refuse.

    Raises:
        InvalidArgument: more than 16 attributes, a key over 64 characters, a string over 512, or another type.
    """
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidArgument(f"attributes has {len(attributes)} keys: at most {MAX_ATTRIBUTES} are allowed.")
    for key, value in attributes.items():
        if not 0 < len(key) <= MAX_KEY:
            raise InvalidArgument(f"attributes: the key {key[:80]!r} must have 1 to {MAX_KEY} characters.")
        if not _is_scalar(value):
            raise InvalidArgument(f"attributes.{key} must be a string, a number or a boolean.")
        if isinstance(value, str) and len(value) > MAX_STRING:
            raise InvalidArgument(f"attributes.{key} has {len(value)} characters: at most {MAX_STRING} are allowed.")


def check_filing(filing: Filing) -> None:
    """Refuse what a vector store would refuse: attributes, chunking or expiry outside its limits.

    Raises:
        InvalidArgument: the message names the argument and the limit.
    """
    check_attributes(filing.attributes)
    chunking, days = filing.chunking, filing.expires_days
    least, most = CHUNK_TOKENS
    if chunking is not None and not least <= chunking.tokens <= most:
        raise InvalidArgument(f"chunking: passages of {chunking.tokens} tokens must have {least} to {most}.")
    if chunking is not None and not 0 <= chunking.overlap <= chunking.tokens // 2:
        half = chunking.tokens // 2
        raise InvalidArgument(f"chunking: an overlap of {chunking.overlap} tokens must be 0 to {half}, half a passage.")
    if days is not None and days < 1:
        raise InvalidArgument(f"expires_after: {days} days must be at least 1.")


def check_filters(filters: Any, place: str = "filters", depth: int = 0) -> None:
    """Refuse a filter that is not of the language.

    Raises:
        InvalidArgument: the message names the place in the filter and what would be right there.
    """
    if not isinstance(filters, dict):
        raise InvalidArgument(f"{place} must be an object with a type, not {type(filters).__name__}.")
    if depth > MAX_DEPTH:
        raise InvalidArgument(f"{place} is nested more than {MAX_DEPTH} levels deep: make it flatter.")
    condition = cast("JsonObject", filters)
    kind = condition.get("type")
    if kind in _COMPOUNDS:
        _check_compound(condition, place, depth)
    elif kind in _COMPARISONS:
        _check_comparison(condition, place)
    else:
        allowed = ", ".join((*_COMPARISONS, *_COMPOUNDS))
        raise InvalidArgument(f"{place}.type is {kind!r}: it must be one of {allowed}.")


def matches(filters: JsonObject, attributes: Mapping[str, Any]) -> bool:
    """Whether a file with these attributes passes a checked filter.

    A missing attribute, or one of another type, passes ``ne`` and ``nin`` alone.
    """
    kind: str = filters["type"]
    if kind in _COMPOUNDS:
        quantor = all if kind == "and" else any
        return quantor(matches(inner, attributes) for inner in filters["filters"])
    value = attributes.get(filters["key"])
    wanted = filters["value"]
    if kind in _ORDER:
        return _type(value) == _type(wanted) and _ORDER[kind](value, wanted)
    found = any(_equal(value, one) for one in (wanted if kind in _LISTS else [wanted]))
    return found if kind in ("eq", "in") else not found


def _check_compound(condition: JsonObject, place: str, depth: int) -> None:
    _check_keys(condition, ("type", "filters"), place)
    inner = condition["filters"]
    if not isinstance(inner, list) or not inner:
        raise InvalidArgument(f"{place}.filters must be a list with at least one filter.")
    for index, one in enumerate(cast("list[Any]", inner)):
        check_filters(one, f"{place}.filters[{index}]", depth + 1)


def _check_comparison(condition: JsonObject, place: str) -> None:
    _check_keys(condition, ("type", "key", "value"), place)
    kind, key, value = condition["type"], condition["key"], condition["value"]
    if not isinstance(key, str) or not key:
        raise InvalidArgument(f"{place}.key must be the name of an attribute.")
    if kind in _LISTS:
        if not isinstance(value, list) or not value or not all(map(_is_scalar, cast("list[Any]", value))):
            raise InvalidArgument(f"{place}.value must be a list of strings, numbers or booleans for {kind}.")
    elif not _is_scalar(value) or (kind in _ORDER and isinstance(value, bool)):
        raise InvalidArgument(f"{place}.value must be a string or a number" + _also(kind) + f" for {kind}.")


def _also(kind: str) -> str:
    return "" if kind in _ORDER else ", or a boolean,"


def _check_keys(condition: JsonObject, keys: tuple[str, ...], place: str) -> None:
    for key in keys:
        if key not in condition:
            raise InvalidArgument(f"{place} of type {condition['type']} needs {key!r}.")
    for key in condition:
        if key not in keys:
            raise InvalidArgument(
                f"{place} of type {condition['type']} does not know {key!r}: it has {', '.join(keys)}."
            )


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _type(value: Any) -> str:
    """Numbers are one type; a boolean, which Python takes for a number, is not one."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string" if isinstance(value, str) else "nothing"


def _equal(one: Any, other: Any) -> bool:
    return _type(one) == _type(other) and one == other
