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
        "text": _text(layout),
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


def _text(layout: Layout) -> JsonObject | None:
    text: JsonObject = dict(layout.params.get("text") or {})
    if layout.json_schema is not None:
        text["format"] = {
            "type": "json_schema",
            "name": layout.schema_name,
            "schema": layout.json_schema,
            "strict": layout.strict,
        }
    return text or None


def _windowed(layout: Layout) -> bool:
    # Work that may take hours, at a discount, cannot be streamed.
    options: JsonObject = layout.params.get("background_options") or {}
    return options.get("completion_window", "soonest") != "soonest"


def _store(layout: Layout, profile: Profile) -> bool | None:
    # The API refuses background without store. A server that keeps nothing may refuse store=true, and none refuses
    # to be told to keep nothing.
    if layout.background:
        return True
    return layout.store if profile.stored or not layout.store else None
