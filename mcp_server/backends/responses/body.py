"""From a ``Layout`` to the parameters of ``responses.create``: a translation without decisions.

Nothing that is not set is sent: the API reads null as a value.
"""

from mcp_server.backends.profile import Profile
from mcp_server.model.request import Layout
from mcp_server.model.value import JsonObject

_COUNTED = frozenset(
    {
        "model",
        "input",
        "instructions",
        "conversation",
        "previous_response_id",
        "tools",
        "tool_choice",
        "text",
        "reasoning",
        "parallel_tool_calls",
        "truncation",
    }
)
"""What ``responses.input_tokens.count`` takes; it refuses everything else."""

_COMPACTED = frozenset({"model", "input", "previous_response_id", "prompt_cache_key", "service_tier"})
"""What ``responses.compact`` is told; of the cache's options it takes fewer values than ``responses.create``."""


def create_body(layout: Layout, profile: Profile) -> JsonObject:
    """The JSON body of a ``POST /responses``. Parameters nobody knows are passed on by name."""
    body: JsonObject = {
        **layout.params,
        "model": layout.model,
        "input": layout.input or None,
        "instructions": layout.instructions,
        "previous_response_id": layout.previous_response_id,
        "conversation": layout.conversation,
        "prompt_cache_key": layout.cache_key or layout.params.get("prompt_cache_key"),
        "text": _text(layout, profile),
        "response_format": _response_format(layout, profile),
        "store": _store(layout, profile),
        "background": layout.background or None,
        "stream": not _windowed(layout),
    }
    return {name: value for name, value in body.items() if value is not None}


def count_body(layout: Layout, profile: Profile) -> JsonObject:
    """The JSON body that counts the same request's input tokens."""
    return {name: value for name, value in create_body(layout, profile).items() if name in _COUNTED}


def compact_body(layout: Layout, profile: Profile) -> JsonObject:
    """The JSON body that compacts the same request's input. Instructions are left out: they would be compacted too."""
    return {name: value for name, value in create_body(layout, profile).items() if name in _COMPACTED}


def _text(layout: Layout, profile: Profile) -> JsonObject | None:
    text: JsonObject = dict(layout.params.get("text") or {})
    if profile.schema_in != "text":
        text.pop("format", None)
    elif layout.json_schema is not None:
        text["format"] = {"type": "json_schema", **_schema(layout)}
    return text or None


def _response_format(layout: Layout, profile: Profile) -> JsonObject | None:
    """Where the answer's form stands for a server that reads it as its other endpoint does."""
    if profile.schema_in != "response_format":
        return None
    if layout.json_schema is not None:
        return {"type": "json_schema", "json_schema": _schema(layout)}
    text: JsonObject = layout.params.get("text") or {}
    return text.get("format")


def _schema(layout: Layout) -> JsonObject:
    return {"name": layout.schema_name, "schema": layout.json_schema, "strict": layout.strict}


def _windowed(layout: Layout) -> bool:
    # Work that may take hours, at a discount, cannot be streamed.
    options: JsonObject = layout.params.get("background_options") or {}
    return options.get("completion_window", "soonest") != "soonest"


def _store(layout: Layout, profile: Profile) -> bool | None:
    if layout.background:
        return True  # The API refuses background without store.
    return layout.store if profile.takes("store") else None
