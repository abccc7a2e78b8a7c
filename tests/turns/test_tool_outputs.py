"""What a caller gives back to each kind of call, in the form that the API takes."""

from typing import Any

import pytest

from mcp_server.errors import InvalidArgument
from mcp_server.model.session import Turn
from mcp_server.model.value import JsonObject, Scope
from mcp_server.turns.tool_outputs import answered, open_calls

SCREEN = "data:image/png;base64,AAAA"
CHECK = {"id": "cu_sc_1", "code": "malicious_instructions", "message": "Careful."}
LISTING = [{"stdout": "a.txt\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
CALLS: dict[str, JsonObject] = {
    "function": {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"},
    "program": {
        "type": "function_call",
        "call_id": "c1",
        "name": "f",
        "arguments": "{}",
        "caller": {"type": "program", "caller_id": "p1"},
    },
    "custom": {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "n", "input": "x"},
    "shell": {"type": "shell_call", "call_id": "c1", "action": {"commands": ["ls"], "max_output_length": 900}},
    "local_shell": {"type": "local_shell_call", "id": "lsh_1", "call_id": "c1", "action": {"command": ["ls"]}},
    "patch": {"type": "apply_patch_call", "call_id": "c1", "operation": {"type": "delete_file", "path": "a"}},
    "computer": {"type": "computer_call", "id": "cu_1", "call_id": "c1", "action": {"type": "screenshot"}},
    "search": {"type": "tool_search_call", "id": "ts_1", "call_id": "c1", "execution": "client", "arguments": {}},
    "approval": {"type": "mcp_approval_request", "id": "c1", "name": "send", "server_label": "m", "arguments": "{}"},
}


def turn(*output: JsonObject, **fields: Any) -> Turn:
    """A turn that ended with these items."""
    scope = Scope(owner="local", backend="openai")
    given: dict[str, Any] = {"scope": scope, "response_id": "resp_1", "status": "completed", "created_at": 0.0}
    return Turn(**{**given, "input": [], **fields}, output=list(output))


def call(call_id: str, **fields: Any) -> JsonObject:
    """A function call."""
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}", **fields}


def given(call_id: str, output: Any = "done") -> JsonObject:
    """What a caller passes."""
    return {"call_id": call_id, "output": output}


@pytest.mark.parametrize(
    ("kind", "output", "item"),
    [
        ("function", "7", {"type": "function_call_output", "call_id": "c1", "output": "7"}),
        (
            "function",
            [{"type": "input_image", "image_url": SCREEN}],
            {
                "type": "function_call_output",
                "call_id": "c1",
                "output": [{"type": "input_image", "image_url": SCREEN}],
            },
        ),
        (
            "program",
            "7",
            {
                "type": "function_call_output",
                "call_id": "c1",
                "output": "7",
                "caller": {"type": "program", "caller_id": "p1"},
            },
        ),
        ("custom", "ok", {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"}),
        (
            "shell",
            "a.txt\n",
            {"type": "shell_call_output", "call_id": "c1", "output": LISTING, "max_output_length": 900},
        ),
        (
            "shell",
            [{"stdout": "", "stderr": "", "outcome": {"type": "timeout"}}],
            {
                "type": "shell_call_output",
                "call_id": "c1",
                "output": [{"stdout": "", "stderr": "", "outcome": {"type": "timeout"}}],
                "max_output_length": 900,
            },
        ),
        ("local_shell", "a.txt", {"type": "local_shell_call_output", "call_id": "c1", "output": "a.txt"}),
        (
            "patch",
            "Deleted a.",
            {"type": "apply_patch_call_output", "call_id": "c1", "status": "completed", "output": "Deleted a."},
        ),
        (
            "patch",
            {"status": "failed", "output": "No a."},
            {"type": "apply_patch_call_output", "call_id": "c1", "status": "failed", "output": "No a."},
        ),
        (
            "computer",
            SCREEN,
            {
                "type": "computer_call_output",
                "call_id": "c1",
                "output": {"type": "computer_screenshot", "image_url": SCREEN},
            },
        ),
        (
            "computer",
            {"type": "computer_screenshot", "file_id": "file-1", "acknowledged_safety_checks": [CHECK]},
            {
                "type": "computer_call_output",
                "call_id": "c1",
                "output": {"type": "computer_screenshot", "file_id": "file-1"},
                "acknowledged_safety_checks": [CHECK],
            },
        ),
        (
            "search",
            [{"type": "function", "name": "found", "parameters": {}}],
            {
                "type": "tool_search_output",
                "call_id": "c1",
                "execution": "client",
                "tools": [{"type": "function", "name": "found", "parameters": {}}],
            },
        ),
        ("approval", True, {"type": "mcp_approval_response", "approval_request_id": "c1", "approve": True}),
        (
            "approval",
            {"approve": False, "reason": "Not to strangers."},
            {
                "type": "mcp_approval_response",
                "approval_request_id": "c1",
                "approve": False,
                "reason": "Not to strangers.",
            },
        ),
    ],
)
def test_an_output_takes_the_form_of_its_call(kind: str, output: Any, item: JsonObject) -> None:
    assert answered([given("c1", output)], [turn(CALLS[kind])]) == [item]


@pytest.mark.parametrize(
    ("kind", "output", "words"),
    [
        (
            "function",
            True,
            "tool_outputs[0] as function_call_output.output: it must be a string or an array, not true.",
        ),
        ("function", {"a": 1}, "output: it must be a string or an array, not an object."),
        ("function", [{"type": "input_text", "text": 3}], "output[0].text: it must be a string, not 3."),
        ("shell", [{"stdout": "x", "stderr": ""}], "shell_call_output.output[0].outcome: it is missing"),
        ("local_shell", ["a"], "local_shell_call_output.output: it must be a string, not an array."),
        ("patch", {"status": "half"}, "apply_patch_call_output.status: it must be completed or failed, not 'half'."),
        ("computer", {"image_url": SCREEN}, "computer_call_output.output.type: it is missing"),
        ("search", "found", "tool_search_output.tools: it must be an array, not 'found'."),
        ("approval", "true", "mcp_approval_response.approve: it is missing; it must be true or false."),
        ("approval", {"approve": "yes"}, "mcp_approval_response.approve: it must be true or false, not 'yes'."),
    ],
)
def test_an_output_that_does_not_fit_its_call_is_refused(kind: str, output: Any, words: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        answered([given("c1", output)], [turn(CALLS[kind])])
    assert words in raised.value.message


def test_parallel_calls_are_answered_in_the_callers_order_and_all_of_them() -> None:
    past = [turn(call("c1"), call("c2"))]
    assert [item["call_id"] for item in answered([given("c2"), given("c1")], past)] == ["c2", "c1"]
    with pytest.raises(InvalidArgument, match=r"\['c1'\] wait for an output too"):
        answered([given("c2")], past)
    with pytest.raises(InvalidArgument, match="'c1' is answered twice"):
        answered([given("c1"), given("c1"), given("c2")], past)


def test_an_unknown_call_is_named_with_those_that_are_open() -> None:
    with pytest.raises(InvalidArgument, match=r"'c9' waits for an output; those that are: \['c1'\]"):
        answered([given("c9")], [turn(call("c1"))])
    with pytest.raises(InvalidArgument, match="'c1' waits for an output; none is"):
        answered([given("c1")], [turn(call("c1")), turn()])


def test_with_an_unknown_past_they_are_outputs_of_functions_or_approvals() -> None:
    assert answered([given("c1", "7"), given("mcpr_1", False)], []) == [
        {"type": "function_call_output", "call_id": "c1", "output": "7"},
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": False},
    ]


def test_only_the_last_turns_calls_are_open_and_not_those_that_ran_upstream() -> None:
    hosted = {"type": "shell_call", "call_id": "s1", "action": {"commands": ["ls"]}}
    output = {"type": "shell_call_output", "call_id": "s1", "output": LISTING}
    started = {**hosted, "call_id": "s2", "environment": {"type": "container_reference", "container_id": "cntr_1"}}
    search = {"type": "tool_search_call", "call_id": None, "execution": "server", "arguments": {}}
    last = turn(hosted, output, started, search, call("c2"), CALLS["approval"])
    assert [one.call_id for one in open_calls([turn(call("c0")), last])] == ["c2", "c1"]
    assert open_calls([last, turn()]) == []
    assert open_calls([]) == []


def test_a_call_that_may_be_answered_later_does_not_hold_up_the_conversation() -> None:
    slow = call("c1", **{"async": True})
    first = turn(slow, call("c2"))
    assert [one.call_id for one in open_calls([first])] == ["c2"]
    (now,) = answered([given("c2")], [first])
    second = turn(input=[now])
    assert open_calls([first, second]) == []
    (then,) = answered([given("c1")], [first, second])
    assert then["call_id"] == "c1"
    with pytest.raises(InvalidArgument, match="'c1' waits"):
        answered([given("c1")], [first, second, turn(input=[then])])
