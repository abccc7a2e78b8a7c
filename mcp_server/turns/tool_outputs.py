"""What a caller answers to the calls of the turn before, as the input items that the API wants for each kind of call.

Which kind a call was, only the turn that made it knows. The forms are those of ``openai.types.responses`` (3.54), but
for a local shell's: its ``call_id`` is named ``id`` there, and OpenAI's own Agents SDK (0.24) sends it as ``call_id``.
"""

from collections.abc import Sequence
from typing import Any, cast

from mcp_server.backends import calls
from mcp_server.backends.parameters import item_problem
from mcp_server.errors import InvalidArgument
from mcp_server.model.answer import ToolCall
from mcp_server.model.session import Turn
from mcp_server.model.value import JsonObject

_ANSWERS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "shell_call": "shell_call_output",
    "local_shell_call": "local_shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
    "computer_call": "computer_call_output",
    "tool_search_call": "tool_search_output",
    "mcp_approval_request": "mcp_approval_response",
}

_TAKE_TEXT = {"function_call", "custom_tool_call", "local_shell_call"}


def open_calls(past: Sequence[Turn]) -> list[ToolCall]:
    """The calls of the last turn that the next one must answer: the API refuses a turn that leaves one out.

    A call that may be answered later (``async``) is not among them.
    """
    return [call for item, call in _asked(past[-1:]) if not item.get("async")]


def answered(outputs: list[JsonObject], past: Sequence[Turn]) -> list[JsonObject]:
    """The input items that answer the calls of the past's last turn; with no past known, calls of functions.

    ``outputs`` are ``{call_id, output}``. A text goes to any kind of call but an approval (true or false) and a search
    for tools (a list of them); for a shell it is what came out, for a computer a screenshot's URL or file id. Whoever
    has more to say passes the API's own form: content parts, ``{status, output}`` of a patch, ``{approve, reason}``.

    Raises:
        InvalidArgument: a call is not open, is left out or answered twice, or an output does not fit its call.
    """
    given = [output["call_id"] for output in outputs]
    asked = {call.call_id: item for item, call in _asked(past)}
    if twice := next((call_id for call_id in given if given.count(call_id) > 1), None):
        raise InvalidArgument(f"tool_outputs: {twice!r} is answered twice; give each call one output.")
    if past and (unknown := next((call_id for call_id in given if call_id not in asked), None)):
        waiting = f"those that are: {list(asked)}" if asked else "none is: leave tool_outputs out"
        raise InvalidArgument(f"tool_outputs: no tool call {unknown!r} waits for an output; {waiting}.")
    if missing := [call.call_id for call in open_calls(past) if call.call_id not in given]:
        raise InvalidArgument(f"tool_outputs: {missing} wait for an output too; answer all calls of a turn together.")
    return [
        _item(f"tool_outputs[{index}]", asked.get(output["call_id"]) or _guess(output), output["output"])
        for index, output in enumerate(outputs)
    ]


def _asked(past: Sequence[Turn]) -> list[tuple[JsonObject, ToolCall]]:
    """The open calls of the last turn, after those of earlier ones that may be answered later and have not been."""
    done = {item.get("call_id") for turn in past for item in turn.input if str(item.get("type")).endswith("_output")}
    later = [
        (item, call)
        for turn in past[:-1]
        for item, call in calls.open_calls(turn.output)
        if item.get("async") and call.call_id not in done
    ]
    return [*later, *(asked for turn in past[-1:] for asked in calls.open_calls(turn.output))]


def _guess(output: JsonObject) -> JsonObject:
    kind = "mcp_approval_request" if isinstance(output["output"], bool) else "function_call"
    return {"type": kind, "call_id": output["call_id"]}


def _item(place: str, call: JsonObject, output: Any) -> JsonObject:
    kind: str = call["type"]
    name = "approval_request_id" if kind == "mcp_approval_request" else "call_id"
    item: JsonObject = {**_fields(call, output), "type": _ANSWERS[kind], name: call.get("call_id") or call.get("id")}
    if caller := call.get("caller"):
        item["caller"] = caller
    if not (isinstance(output, str) and kind in _TAKE_TEXT):
        known = {**item, "id": item["call_id"]} if kind == "local_shell_call" else item
        if wrong := item_problem(f"{place} as {item['type']}", known):
            raise InvalidArgument(wrong)
    return item


def _fields(call: JsonObject, output: Any) -> JsonObject:
    match call["type"], output:
        case "shell_call", _:
            whole = {"stdout": output, "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}
            most = cast("JsonObject", call.get("action") or {}).get("max_output_length")
            limit = {} if most is None else {"max_output_length": most}
            return {"output": [whole] if isinstance(output, str) else output, **limit}
        case "apply_patch_call", str():
            return {"status": "completed", "output": output}
        case "computer_call", str():
            place = "file_id" if output.startswith("file-") else "image_url"
            return {"output": {"type": "computer_screenshot", place: output}}
        case "computer_call", {"acknowledged_safety_checks": checks, **screenshot}:
            return {"output": screenshot, "acknowledged_safety_checks": checks}
        case "tool_search_call", _:
            return {"tools": output, "execution": "client"}
        case "mcp_approval_request", bool():
            return {"approve": output}
        case (("apply_patch_call" | "mcp_approval_request"), dict()):
            return cast("JsonObject", output)
        case _:
            return {"output": output}
