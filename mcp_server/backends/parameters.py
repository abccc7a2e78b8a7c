"""What the SDK's own types say of a parameter of ``responses.create``, in one sentence for the caller.

The annotations of ``openai.types.responses`` (3.54) are read as they are, with JSON's strictness: no text is a number,
no boolean is one. Keys they do not know pass, because the API is ahead of its SDK. They are walked here and not given
to pydantic: of a union of thirty objects a sentence must name the one that was meant, by its ``type``.
"""

import json
import types
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Literal, Required, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from anyio import to_thread

from mcp_server.model.value import Frozen, JsonObject

Problem: TypeAlias = tuple[str, str]
"""A path below the value (``.effort``, ``[1].name``; empty for the value itself), and what is wrong there."""

OMITTED = frozenset({"detail"})
"""Required by the API's specification, and left out in its own examples."""
MOST_NAMED = 10
"""A longer list of what would be right is cut: it helps nobody."""

_NAMES: dict[Any, str] = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
_LISTS: tuple[Any, ...] = (list, Iterable, Sequence)


class _Sdk(Frozen):
    """The SDK's types. They cost about 0.7 s to import, which only a caller who passes one of these pays."""

    parameters: dict[str, Any]
    tool: Any
    item: Any


def problem(name: str, value: object) -> str | None:
    """What is wrong with ``value`` as the parameter ``name``: "reasoning.effort: it must be …"; None: nothing is."""
    return _told(name, value, sdk().parameters[name])


def item_problem(place: str, item: JsonObject) -> str | None:
    """The same for one input item with a ``type``, which the caller knows as ``place``."""
    return _told(place, item, sdk().item)


def tool_problem(place: str, tool: JsonObject) -> str | None:
    """The same for one tool. A type the SDK does not know passes: whether a backend runs it, its profile says."""
    kind = tool.get("type")
    return None if isinstance(kind, str) and kind not in _typed(sdk().tool) else _told(place, tool, sdk().tool)


def tool_choice_problem(value: object) -> str | None:
    """The same for ``tool_choice``. A tool may be chosen by its type also where the SDK has no form for that."""
    kind = cast("JsonObject", value).get("type") if isinstance(value, dict) else None
    chosen = isinstance(kind, str) and kind in _typed(sdk().tool) - _typed(sdk().parameters["tool_choice"])
    return None if chosen else problem("tool_choice", cast("object", value))


async def ready() -> None:
    """Import the types off the event loop: it takes longer than anybody else's call should have to wait."""
    if not sdk.cache_info().currsize:
        await to_thread.run_sync(sdk)


@cache
def sdk() -> _Sdk:
    """The types, imported when they are first asked for."""
    from openai.types import responses  # noqa: PLC0415 - off the start-up path
    from openai.types.responses.response_create_params import (  # noqa: PLC0415 - off the start-up path
        ResponseCreateParamsStreaming,
    )

    parameters = get_type_hints(ResponseCreateParamsStreaming, include_extras=True)
    return _Sdk(parameters=parameters, tool=responses.ToolParam, item=responses.ResponseInputItemParam)


def _told(place: str, value: object, kind: Any) -> str | None:
    path, what = next(_problems(value, kind), ("", ""))
    return f"{place}{path}: {what}." if what else None


def _problems(value: object, kind: Any) -> Iterator[Problem]:
    options = alternatives(kind)
    if object in options:
        return
    fitting = [option for option in options if _fits(value, option)]
    if not fitting:
        yield "", f"it must be {_one_of(options)}, not {_shown(value)}"
    elif isinstance(value, dict):
        yield from _of_object(cast("JsonObject", value), fitting)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            for path, what in _problems(item, get_args(fitting[0])[0]):
                yield f"[{index}]{path}", what


@cache
def alternatives(kind: Any) -> tuple[Any, ...]:
    """What a type allows, however its unions are nested; a literal is one alternative for each of its values."""
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(option for part in get_args(kind) for option in alternatives(part))
    if get_origin(kind) is Required:
        return alternatives(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return tuple(Literal[value] for value in get_args(kind))
    return (kind,)


def _fits(value: object, kind: Any) -> bool:
    """Whether it is the right kind of JSON, whatever is inside."""
    if get_origin(kind) is Literal:
        return value == get_args(kind)[0] and type(value) is type(get_args(kind)[0])
    if isinstance(value, bool):
        return kind is bool
    if is_list(kind):
        return isinstance(value, list)
    if is_object(kind):
        return isinstance(value, dict)
    return isinstance(value, int | float if kind is float else kind)


def is_list(kind: Any) -> bool:
    """Whether it is an array of something."""
    return get_origin(kind) in _LISTS


def is_object(kind: Any) -> bool:
    """Whether it is a typed dictionary or a mapping from strings."""
    return get_origin(kind) is dict or hasattr(kind, "__total__")


def _of_object(value: JsonObject, kinds: list[Any]) -> Iterator[Problem]:
    """The problems of an object against the alternative that it means to be."""
    if len(kinds) == 1:
        yield from _of_fields(value, kinds[0])
        return
    meant = [kind for kind in kinds if value.get("type") in _types(kind)]
    if not meant:
        known = sorted({name for kind in kinds for name in _types(kind)})
        found = f"cannot be {_shown(value['type'])}" if "type" in value else "is missing"
        yield ".type", f"it {found}; it must be {_either(known)}"
        return
    # Some alternatives share a type: what fits best was meant.
    yield from min((list(_of_fields(value, kind)) for kind in meant), key=len)


def _of_fields(value: JsonObject, kind: Any) -> Iterator[Problem]:
    known = dict.fromkeys(value, get_args(kind)[1]) if get_origin(kind) is dict else fields(kind)
    for key, field in known.items():
        if key in value:
            for path, what in _problems(value[key], field):
                yield f".{key}{path}", what
        elif get_origin(field) is Required and key not in OMITTED and type(None) not in alternatives(field):
            # What may be null may be left out as well: ``strict`` and ``parameters`` of a function.
            yield f".{key}", f"it is missing; it must be {_one_of(alternatives(field))}"


@cache
def fields(kind: Any) -> dict[str, Any]:
    """The keys of a typed dictionary and what they hold."""
    return get_type_hints(kind, include_extras=True)


@cache
def _types(kind: Any) -> frozenset[str]:
    """The values of ``type`` in objects of this kind."""
    if get_origin(kind) is dict:
        return frozenset()
    named = alternatives(fields(kind).get("type"))
    return frozenset(get_args(option)[0] for option in named if get_origin(option) is Literal)


@cache
def _typed(kind: Any) -> frozenset[str]:
    """The values of ``type`` in all alternatives of this kind."""
    return frozenset(name for option in alternatives(kind) if is_object(option) for name in _types(option))


def _one_of(options: Iterable[Any]) -> str:
    """The alternatives in words. Null is not among them: to leave it out says the same."""
    options = list(options)
    values = [str(get_args(option)[0]) for option in options if get_origin(option) is Literal]
    # Where any text may stand, the listed ones are only examples.
    names = [] if str in options else values
    names += [_NAMES[option] for option in options if option in _NAMES]
    names += ["an array"] if any(map(is_list, options)) else []
    names += ["an object"] if any(map(is_object, options)) else []
    return _either(names)


def _either(names: list[str]) -> str:
    if len(names) > MOST_NAMED:
        return f"{', '.join(names[:MOST_NAMED])} or one of {len(names) - MOST_NAMED} more"
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _shown(value: object) -> str:
    match value:
        case str():
            return repr(value if len(value) <= 40 else value[:40] + "…")
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return json.dumps(value)
