"""What one response object tells: which calls are for the caller, its conversation, its reasoning in short."""

import json
from typing import Any

import pytest

from mcp_server.backends.responses.parse import parse_answer
from mcp_server.model.answer import ToolCall
from tests.upstream_shapes import custom_call, function_call, message, reasoning, response

LISTING = [{"stdout": "a.txt\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
CLICK = {"type": "click", "button": "left", "x": 1, "y": 2}
CHECK = {"id": "cu_sc_1", "code": "malicious_instructions", "message": "Careful."}
EXEC = {"type": "exec", "command": ["ls"], "env": {}}


@pytest.mark.parametrize(
    ("item", "call"),
    [
        (function_call("f", '{"a": 1}'), {"call_id": "call_1", "name": "f", "arguments": '{"a": 1}'}),
        (custom_call("n", "x"), {"call_id": "call_2", "name": "n", "type": "custom", "input": "x"}),
        (
            {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}, "environment": {"type": "local"}},
            {"call_id": "c", "name": "shell_call", "type": "shell_call", "arguments": '{"commands": ["ls"]}'},
        ),
        (
            {"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "action": EXEC},
            {"call_id": "c", "name": "local_shell_call", "type": "local_shell_call", "arguments": json.dumps(EXEC)},
        ),
        (
            {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
            {
                "call_id": "c",
                "name": "apply_patch_call",
                "type": "apply_patch_call",
                "arguments": '{"type": "delete_file", "path": "a"}',
            },
        ),
        (
            {"type": "computer_call", "call_id": "c", "action": CLICK, "pending_safety_checks": [CHECK]},
            {
                "call_id": "c",
                "name": "computer_call",
                "type": "computer_call",
                "arguments": json.dumps({"action": CLICK, "pending_safety_checks": [CHECK]}),
            },
        ),
        (
            {"type": "computer_call", "call_id": "c", "actions": [CLICK, CLICK], "pending_safety_checks": []},
            {
                "call_id": "c",
                "name": "computer_call",
                "type": "computer_call",
                "arguments": json.dumps({"actions": [CLICK, CLICK]}),
            },
        ),
        (
            {"type": "tool_search_call", "id": "ts", "call_id": "c", "execution": "client", "arguments": {"q": "mail"}},
            {"call_id": "c", "name": "tool_search_call", "type": "tool_search_call", "arguments": '{"q": "mail"}'},
        ),
        (
            {"type": "mcp_approval_request", "id": "mcpr", "server_label": "mail", "name": "send", "arguments": "{}"},
            {"call_id": "mcpr", "name": "mail.send", "type": "mcp_approval_request", "arguments": "{}"},
        ),
    ],
)
def test_a_call_for_the_caller_says_what_is_asked(item: dict[str, Any], call: dict[str, Any]) -> None:
    assert parse_answer(response(output=[message("One moment."), item])).tool_calls == [ToolCall(**call)]


def test_what_ran_upstream_is_no_call_for_the_caller() -> None:
    ran = {"type": "shell_call", "call_id": "s1", "action": {"commands": ["ls"]}}
    still = {**ran, "call_id": "s2", "environment": {"type": "container_reference", "container_id": "cntr_1"}}
    output = [
        ran,
        {"type": "shell_call_output", "call_id": "s1", "output": LISTING},
        still,
        {"type": "tool_search_call", "id": "ts_1", "call_id": None, "execution": "server", "arguments": {}},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "mcp_call", "id": "mcp_1", "name": "ask", "server_label": "docs", "arguments": "{}"},
    ]
    assert parse_answer(response(output=output)).tool_calls == []


def test_a_call_in_a_strange_form_is_still_a_call() -> None:
    output = [{"type": "function_call", "name": None, "arguments": {"a": 1}}, {"type": "shell_call", "environment": 7}]
    calls = parse_answer(response(output=output)).tool_calls
    assert [(call.type, call.call_id, call.arguments) for call in calls] == [
        ("function", "", '{"a": 1}'),
        ("shell_call", "", "{}"),
    ]


@pytest.mark.parametrize(("given", "read"), [({"id": "conv_1"}, "conv_1"), (None, None), ("conv_1", None)])
def test_the_conversation_is_known_by_its_id(given: object, read: str | None) -> None:
    assert parse_answer(response("Hi", conversation=given)).conversation == read


def test_the_summaries_of_reasoning_are_joined() -> None:
    first = {**reasoning("rs_1"), "summary": [{"type": "summary_text", "text": "**Plan** Look."}]}
    second = {**reasoning("rs_2"), "summary": [{"type": "summary_text", "text": "Found it."}, {"type": "other"}, 3]}
    assert parse_answer(response(output=[first, message("Hm."), second])).reasoning_summary == (
        "**Plan** Look.\n\nFound it."
    )
    assert parse_answer(response(output=[reasoning(), message("Hi")])).reasoning_summary is None
