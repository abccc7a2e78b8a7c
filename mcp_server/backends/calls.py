"""The calls in a response's output that its caller must answer, whichever kind they are."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from mcp_server.model.answer import ToolCall
from mcp_server.model.value import JsonObject

_ASKED = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "shell_call": "action",
    "local_shell_call": "action",
    "apply_patch_call": "operation",
    "computer_call": "action",
    "tool_search_call": "arguments",
    "mcp_approval_request": "arguments",
}
"""The items that may be for the caller, and the field of each that says what is asked."""


def open_calls(output: Sequence[JsonObject]) -> Iterator[tuple[JsonObject, ToolCall]]:
    """The items that wait for an answer of the caller's, each with what it asks.

    Not among them is what the upstream runs itself: a shell in its container, its own search for tools.
    """
    answered = {_text(item.get("call_id")) for item in output if str(item.get("type")).endswith("_output")}
    for item in output:
        call_id = _text(item.get("call_id")) or _text(item.get("id"))
        if _text(item.get("type")) in _ASKED and call_id not in answered and not _hosted(item):
            yield item, _call(item, call_id)


def _hosted(item: JsonObject) -> bool:
    environment = item.get("environment")
    container = isinstance(environment, dict) and cast("JsonObject", environment).get("type") == "container_reference"
    return container or (item["type"] == "tool_search_call" and item.get("execution") != "client")


def _call(item: JsonObject, call_id: str) -> ToolCall:
    kind, name, asked = item["type"], _text(item.get("name")), item.get(_ASKED[item["type"]])
    match kind:
        case "function_call":
            return ToolCall(call_id=call_id, name=name, arguments=_json(asked))
        case "custom_tool_call":
            return ToolCall(call_id=call_id, name=name, type="custom", input=_json(asked))
        case "mcp_approval_request":
            # Whether to approve it depends on whose tool it is.
            name = f"{_text(item.get('server_label'))}.{name}"
        case "computer_call":
            # One action or several, and the warnings that the output must acknowledge.
            fields = ("action", "actions", "pending_safety_checks")
            asked = {field: item[field] for field in fields if item.get(field)}
        case _:
            pass
    return ToolCall(call_id=call_id, name=name or kind, type=kind, arguments=_json(asked))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps({} if value is None else value)
