"""A model asks for tools, the caller runs them, the model goes on: the whole round, as a host sees it."""

from typing import Any

from tests.serving import House
from tests.upstream_answers import stream
from tests.upstream_shapes import custom_call, function_call, reasoning, text_events
from tests.upstream_state import StatefulUpstream

ORDER = {"type": "function", "name": "order", "parameters": {"type": "object", "properties": {}}}
NOTE = {"type": "custom", "name": "note"}


def answer(call_id: str, output: Any) -> dict[str, Any]:
    """What a caller passes."""
    return {"call_id": call_id, "output": output}


async def test_tool_calls_come_back_and_are_answered(hosted: House, up: StatefulUpstream) -> None:
    up.say([function_call("order", '{"id": 7}', call_id="c1"), custom_call("note", "hello", call_id="c2")])
    asked = await hosted.call("generate", input="Where is it?", session="s", tools=[ORDER, NOTE])
    assert asked["tool_calls"] == [
        {"call_id": "c1", "name": "order", "type": "function", "arguments": '{"id": 7}'},
        {"call_id": "c2", "name": "note", "type": "custom", "input": "hello"},
    ]
    outputs = [answer("c1", "shipped"), answer("c2", "noted")]
    up.say("It is on its way.")
    told = await hosted.call("generate", tool_outputs=outputs, session="s", tools=[ORDER, NOTE])
    assert told["text"] == "It is on its way."
    sent = up.posts()[1].json
    assert sent["previous_response_id"] == asked["response_id"]
    assert sent["input"] == [
        {"type": "function_call_output", "call_id": "c1", "output": "shipped"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "noted"},
    ]


async def test_outputs_come_before_what_is_said_with_them(hosted: House, up: StatefulUpstream) -> None:
    up.say([function_call("order", "{}", call_id="c1")])
    first = await hosted.call("generate", input="Where is it?", tools=[ORDER])
    await hosted.call(
        "generate",
        input="And be quick.",
        tool_outputs=[answer("c1", [{"type": "input_text", "text": "shipped"}])],
        previous_response_id=first["response_id"],
    )
    assert up.posts()[1].json["input"] == [
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [{"type": "input_text", "text": "shipped"}],
        },
        {"role": "user", "content": "And be quick."},
    ]


async def test_without_store_the_reasoning_travels_with_its_call(hosted: House, up: StatefulUpstream) -> None:
    thought, call = reasoning(), function_call("order", "{}", call_id="c1")
    up.say([thought, call])
    await hosted.call("generate", input="Where is it?", session="s", store=False, tools=[ORDER])
    await hosted.call("generate", tool_outputs=[answer("c1", "shipped")], session="s", store=False, tools=[ORDER])
    sent = up.posts()[1].json
    assert "previous_response_id" not in sent
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert [item.get("type", "message") for item in sent["input"]] == [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert sent["input"][1]["encrypted_content"] == thought["encrypted_content"]


async def test_every_kind_of_call_for_the_caller_comes_back_and_is_answered(
    hosted: House, up: StatefulUpstream
) -> None:
    asked: list[dict[str, Any]] = [
        {"id": "sh_1", "type": "shell_call", "call_id": "c1", "action": {"commands": ["ls"]}, "status": "completed"},
        {
            "id": "ap_1",
            "type": "apply_patch_call",
            "call_id": "c2",
            "operation": {"type": "delete_file", "path": "a.txt"},
            "status": "completed",
        },
        {
            "id": "mcpr_1",
            "type": "mcp_approval_request",
            "server_label": "mail",
            "name": "send",
            "arguments": '{"to": "ada"}',
        },
    ]
    up.say(asked)
    tools = [{"type": "shell", "environment": {"type": "local"}}, {"type": "apply_patch"}]
    told = await hosted.call("generate", input="Tidy up.", session="s", tools=tools)
    assert told["tool_calls"] == [
        {"call_id": "c1", "name": "shell_call", "type": "shell_call", "arguments": '{"commands": ["ls"]}'},
        {
            "call_id": "c2",
            "name": "apply_patch_call",
            "type": "apply_patch_call",
            "arguments": '{"type": "delete_file", "path": "a.txt"}',
        },
        {
            "call_id": "mcpr_1",
            "name": "mail.send",
            "type": "mcp_approval_request",
            "arguments": '{"to": "ada"}',
        },
    ]
    outputs = [answer("c1", "a.txt"), answer("c2", {"status": "failed", "output": "busy"}), answer("mcpr_1", False)]
    await hosted.call("generate", tool_outputs=outputs, session="s", tools=tools)
    assert up.posts()[1].json["input"] == [
        {
            "type": "shell_call_output",
            "call_id": "c1",
            "output": [{"stdout": "a.txt", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
        },
        {"type": "apply_patch_call_output", "call_id": "c2", "status": "failed", "output": "busy"},
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": False},
    ]


async def test_an_output_for_a_call_nobody_made_is_refused_by_name(hosted: House, up: StatefulUpstream) -> None:
    up.say([function_call("order", "{}", call_id="c1")])
    await hosted.call("generate", input="Where?", session="s", tools=[ORDER])
    words, error = await hosted.refused("generate", session="s", tool_outputs=[answer("c9", "x")])
    assert "'c9'" in words
    assert "['c1']" in words
    assert error["code"] == "invalid_argument"
    assert error["outcome"] == "not_sent"
    assert len(up.posts()) == 1


async def test_parallel_calls_are_answered_together(hosted: House, up: StatefulUpstream) -> None:
    up.say([function_call("order", "{}", call_id="c1"), function_call("order", "{}", call_id="c2")])
    await hosted.call("generate", input="Where?", session="s", tools=[ORDER], parallel_tool_calls=True)
    words, _ = await hosted.refused("generate", session="s", tool_outputs=[answer("c2", "here")])
    assert "['c1']" in words
    assert len(up.posts()) == 1
    await hosted.call("generate", session="s", tool_outputs=[answer("c2", "here"), answer("c1", "there")])
    assert [item["call_id"] for item in up.posts()[1].json["input"]] == ["c2", "c1"]


async def test_a_plain_turn_waits_for_the_answers_to_open_calls(hosted: House, up: StatefulUpstream) -> None:
    up.say([function_call("order", "{}", call_id="c1")])
    await hosted.call("generate", input="Where?", session="s", tools=[ORDER])
    words, _ = await hosted.refused("generate", input="Never mind.", session="s")
    assert "['c1']" in words
    assert "tool_outputs" in words
    own = {"type": "function_call_output", "call_id": "c1", "output": "shipped"}
    await hosted.call("generate", input=[own], session="s")
    assert up.posts()[1].json["input"] == [own]


async def test_calls_of_a_response_made_elsewhere_are_taken_for_functions(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", stream(text_events("Fine.")))
    outputs = [answer("c1", "shipped"), answer("mcpr_1", True)]
    await hosted.call("generate", tool_outputs=outputs, previous_response_id="resp_elsewhere")
    sent = up.posts()[0].json
    assert sent["previous_response_id"] == "resp_elsewhere"
    assert sent["input"] == [
        {"type": "function_call_output", "call_id": "c1", "output": "shipped"},
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
    ]


async def test_a_session_that_is_new_has_no_calls_to_answer(hosted: House, up: StatefulUpstream) -> None:
    words, _ = await hosted.refused("generate", tool_outputs=[answer("c1", "shipped")], session="new")
    assert "tool_outputs" in words
    assert up.posts() == []
