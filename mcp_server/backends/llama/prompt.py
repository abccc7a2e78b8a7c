"""A layout as a chat completion: what the embedded engine can honour goes through, all else is refused by name.

Nothing is added to what the caller wrote but the description of the caller's own functions, which a model must be told.
"""

from typing import Any, cast

from mcp_server.backends.llama.tools import Offer, called, offered
from mcp_server.errors import InvalidArgument
from mcp_server.model.request import Layout
from mcp_server.model.value import JsonObject

REFUSED = frozenset(
    {
        "access_programs",
        "background_options",
        "context_management",
        "conversation",
        "custom",
        "image",
        "moderation",
        "prompt",
        "reasoning",
        "top_logprobs",
    }
)
"""Parameters (and the custom tools) whose effect could not be had."""

_SAMPLING = {"max_output_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p", "seed": "seed"}
_READ = {*_SAMPLING, "text", "tools", "tool_choice"}
_HARMLESS = {
    "include",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "stream_options",
    "truncation",
    "user",
}
"""Parameters without which the answer would be the same here."""

_ONLY: dict[str, tuple[Any, ...]] = {"service_tier": (None, "auto", "default"), "truncation": (None, "disabled")}
_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_TEXT_PARTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}


def completion(layout: Layout) -> tuple[JsonObject, Offer | None]:
    """The body for ``/v1/chat/completions``, and the offer by which its answer is to be read.

    Raises:
        InvalidArgument: the layout holds what the engine cannot take.
    """
    params = layout.params
    _check(params)
    schema = layout.json_schema or _text_schema(params)
    offer = offered(params, schema)
    body: JsonObject = {
        "messages": messages(layout, offer),
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
    }
    if wanted := offer.json_schema() if offer else schema:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": layout.schema_name, "schema": wanted, "strict": True},
        }
    return body | {theirs: params[ours] for ours, theirs in _SAMPLING.items() if params.get(ours) is not None}, offer


def messages(layout: Layout, offer: Offer | None) -> list[JsonObject]:
    """The conversation. Where neither instructions nor functions are given, the model's template speaks for itself.

    Raises:
        InvalidArgument: an item that is not text.
    """
    system = "\n\n".join(text for text in (layout.instructions, offer.told() if offer else None) if text)
    told: list[JsonObject] = [{"role": "system", "content": system}] if system else []
    names = {item["call_id"]: item["name"] for item in layout.input if item.get("type") == "function_call"}
    return told + [message for item in layout.input if (message := _message(item, names))]


def _message(item: JsonObject, names: dict[str, str]) -> JsonObject | None:
    match item.get("type", "message"):
        case "message":
            return {"role": _role(item.get("role")), "content": _text(item.get("content"))}
        case "function_call":
            return {"role": "assistant", "content": called(item)}
        case "function_call_output":
            name = names.get(item["call_id"], item["call_id"])
            return {"role": "user", "content": f"Result of {name}: {_text(item.get('output'))}"}
        case "reasoning":
            return None
        case other:
            raise InvalidArgument(f"input: the embedded engine cannot take an item of type {other!r}; leave it out.")


def _role(role: Any) -> str:
    if role not in _ROLES:
        raise InvalidArgument(f"input: {role!r} is no role of a message; use user, assistant, system or developer.")
    return _ROLES[role]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for part in cast("list[JsonObject]", content or []):
        kind = part.get("type")
        if kind not in _TEXT_PARTS:
            raise InvalidArgument(
                f"input: the embedded engine reads text only and cannot take an {kind!r} part; give its text as "
                "input_text, or use another backend."
            )
        texts.append(part[_TEXT_PARTS[kind]])
    return "\n".join(texts)


def _text_schema(params: JsonObject) -> JsonObject | None:
    """The schema that ``text.format`` asks for."""
    match _text_options(params).get("format"):
        case {"type": "json_schema", "schema": schema}:
            return schema
        case {"type": "json_object"}:
            return {"type": "object"}
        case _:
            return None


def _text_options(params: JsonObject) -> JsonObject:
    return params.get("text") or {}


def _check(params: JsonObject) -> None:
    for name, value in params.items():
        if name not in _READ and name not in _HARMLESS:
            raise InvalidArgument(f"options: the embedded engine does not take {name!r}; leave it out.")
        if name in _ONLY and value not in _ONLY[name]:
            raise InvalidArgument(
                f"options: the embedded engine does not take {name} {value!r}; use {_ONLY[name][1]!r} or leave it out."
            )
    if "message.output_text.logprobs" in (params.get("include") or ()):
        raise InvalidArgument("options: the embedded engine gives no logprobs; take them out of include.")
    if _text_options(params).get("verbosity") not in (None, "medium"):
        raise InvalidArgument("verbosity: the embedded engine cannot be told how much to say; leave it out.")
