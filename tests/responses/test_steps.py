"""What was done on the way to an answer is told in lines that a person can read."""

import json
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseOutputItem

from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.parse import parse_answer
from mcp_server.backends.responses.steps import LONGEST, TOLD, step_of
from mcp_server.model.events import Activity, Cursor, Step, Thought
from tests.responses.talk import events
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import stream
from tests.upstream_shapes import custom_call, function_call, message, reasoning, response
from tests.upstream_shapes import events as stream_events

POST = "POST", "/v1/responses"


def searched(**action: Any) -> dict[str, Any]:
    return {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": action}


def ran(code: str | None, **fields: Any) -> dict[str, Any]:
    return {"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "code": code, **fields}


def called(**fields: Any) -> dict[str, Any]:
    about = {"id": "mcp_1", "server_label": "docs", "name": "search", "arguments": '{"q": "tides"}', "error": None}
    return {"type": "mcp_call", **about, **fields}


LOGS = {"type": "logs", "logs": "42\n"}


@pytest.mark.parametrize(
    ("item", "step"),
    [
        (searched(type="search", query="tides", queries=["tides", "moon"]), 'searched the web for "tides", "moon"'),
        (searched(type="search", query="tides"), 'searched the web for "tides"'),
        ({"type": "web_search_call", "status": "completed"}, "searched the web"),
        (searched(type="open_page", url="https://a.example/x"), "opened https://a.example/x"),
        (searched(type="open_page", url=None), "opened a page"),
        (
            searched(type="find_in_page", url="https://a.example", pattern="spring tide"),
            'looked for "spring tide" in https://a.example',
        ),
        ({**searched(type="search", query="tides"), "status": "failed"}, 'searched the web for "tides" (failed)'),
        ({"type": "file_search_call", "queries": ["leave", "holiday"]}, 'searched the files for "leave", "holiday"'),
        (ran("x = 6\nprint(x * 7)", outputs=[LOGS]), "ran code: x = 6 … (1 output)"),
        (ran("\n\nprint(1)\n", outputs=[LOGS, {"type": "image", "url": "x"}]), "ran code: print(1) (2 outputs)"),
        (ran(None, outputs=None), "ran code"),
        ({**ran("1 / 0"), "status": "incomplete"}, "ran code: 1 / 0 (incomplete)"),
        (called(), 'called docs.search {"q": "tides"}'),
        (called(error="no such tool"), 'called docs.search {"q": "tides"} (failed: no such tool)'),
        (
            called(error={"type": "http_error", "code": 502, "message": "Bad gateway"}, arguments=""),
            "called docs.search (failed: Bad gateway)",
        ),
        (
            called(error={"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": "no"}]}),
            'called docs.search {"q": "tides"} (failed: [{"type": "text", "text": "no"}])',
        ),
        (
            {"type": "mcp_list_tools", "server_label": "docs", "tools": [{"name": "a"}, {"name": "b"}]},
            "asked docs for its tools: 2",
        ),
        (
            {"type": "mcp_list_tools", "server_label": "docs", "tools": [], "error": "timed out"},
            "asked docs for its tools: 0 (failed: timed out)",
        ),
        (
            {"type": "mcp_approval_request", "server_label": "mail", "name": "send", "arguments": '{"to": "Maya"}'},
            'asked to approve mail.send {"to": "Maya"}',
        ),
        ({"type": "image_generation_call", "revised_prompt": "A cat"}, "drew an image: A cat"),
        ({"type": "image_generation_call", "status": "generating", "result": "aGk="}, "drew an image"),
        ({"type": "shell_call", "action": {"commands": ["ls -la", "pwd"]}}, "shell: ls -la; pwd"),
        ({"type": "local_shell_call", "action": {"type": "exec", "command": ["ls", "-la"]}}, "shell: ls -la"),
        ({"type": "computer_call", "action": {"type": "click", "x": 1}}, "computer: click"),
        ({"type": "computer_call", "actions": [{"type": "click"}, {"type": "type"}]}, "computer: click, type"),
        ({"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a.py"}}, "patch: delete_file a.py"),
        ({"type": "tool_search_call", "arguments": {"q": "mail"}}, 'searched for tools {"q": "mail"}'),
        ({"type": "program", "code": "await a()\nawait b()"}, "ran a program: await a() await b()"),
        ({"type": "compaction", "encrypted_content": "gAAAA"}, "compacted the conversation"),
        (function_call("weather", '{"city": "Oslo"}'), 'asked for weather {"city": "Oslo"}'),
        (custom_call("sql", "SELECT 1"), "asked for sql SELECT 1"),
        ({"type": "hologram_call", "id": "h_1"}, "hologram_call"),
    ],
)
def test_each_kind_of_item_is_one_readable_line(item: dict[str, Any], step: str) -> None:
    assert step_of(item) == step


@pytest.mark.parametrize("item", [message("Hi"), reasoning(), {"type": "shell_call_output", "call_id": "c"}, {}])
def test_what_is_said_thought_or_brought_back_is_no_step(item: dict[str, Any]) -> None:
    assert step_of(item) is None


def test_a_long_step_is_cut_and_still_says_that_it_failed() -> None:
    code = ran("x" * 900, outputs=[LOGS])
    assert step_of(code) == f"ran code: {'x' * 149}… (1 output)"
    long = step_of({**function_call("f", "y" * 10_000_000), "status": "incomplete"})
    assert long is not None
    assert len(long) == LONGEST
    assert long.endswith("y… (incomplete)")


def test_what_turns_or_hides_a_line_is_taken_out_of_it() -> None:
    shown = step_of(searched(type="open_page", url="https://a.example/\x1b[31m\u202egpj.exe\r\n\x00\ud800x"))
    assert shown == "opened https://a.example/[31mgpj.exe x"


def test_only_what_is_over_is_a_step_of_a_response_that_goes_on() -> None:
    items = [
        searched(type="search", query="a"),
        {**searched(type="search", query="b"), "status": "searching"},
        {"type": "image_generation_call", "status": "generating"},
        {**ran("1"), "status": "interpreting"},
        called(status="calling"),
    ]
    assert parse_answer(response(status="in_progress", output=items)).steps == ['searched the web for "a"']
    assert parse_answer(response(output=items)).steps == []


def test_every_item_the_sdk_knows_is_told_in_words_or_left_out_on_purpose() -> None:
    models = typing.get_args(typing.get_args(ResponseOutputItem)[0])
    kinds = {typing.get_args(model.model_fields["type"].annotation)[0] for model in models}
    assert len(kinds) == 28
    # These are said by the caller, and come as output only when a conversation is listed.
    ours = {"additional_tools", "mcp_approval_response"}
    assert {kind for kind in kinds if step_of({"type": kind}) == kind} == ours


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "url", "message"]), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    [
        "action",
        "queries",
        "code",
        "outputs",
        "error",
        "name",
        "arguments",
        "server_label",
        "tools",
        "status",
        "actions",
        "operation",
        "input",
    ]
)
KINDS = st.sampled_from([*TOLD, "new_call"])


@given(kind=KINDS, fields=st.dictionaries(FIELDS, JSON))
def test_an_item_of_any_shape_is_told_in_one_line(kind: str, fields: dict[str, Any]) -> None:
    step = step_of({**fields, "type": kind})
    assert step is not None
    assert 0 < len(step) <= LONGEST
    assert len(step.splitlines()) == 1
    json.dumps(step, ensure_ascii=False).encode()


async def test_steps_are_told_as_their_items_end_before_their_place_in_the_stream(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    output = [searched(type="search", query="tides"), reasoning(), ran("print(1)"), message("Twice a day.")]
    up.on(*POST, stream(stream_events(response(output=output))))
    told = await events(backend)
    at = [index for index, event in enumerate(told) if isinstance(event, Step)]
    assert [told[index] for index in at] == [Step(text='searched the web for "tides"'), Step(text="ran code: print(1)")]
    following = [told[index + 1] for index in at]
    assert all(isinstance(event, Cursor) and event.mark for event in following)


def summary(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.reasoning_{kind}", "output_index": 0, **fields}


async def test_the_parts_of_a_summary_are_set_apart_and_raw_reasoning_is_none_of_it(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    first, *rest = stream_events(response("Yes."))
    thoughts = [
        summary("summary_part.added", summary_index=0),
        summary("summary_text.delta", summary_index=0, delta="**Plan**"),
        summary("summary_text.delta", summary_index=0, delta=" Look."),
        summary("summary_text.done", summary_index=0, text="**Plan** Look."),
        summary("text.delta", content_index=0, delta="hm, hm"),
        summary("summary_part.added", summary_index=1),
        summary("summary_text.delta", summary_index=1, delta="**Check**"),
    ]
    up.on(*POST, stream([first, *thoughts, *rest]))
    told = [event.text for event in await events(backend) if isinstance(event, Thought)]
    assert told == ["**Plan**", " Look.", "\n\n**Check**"]


async def test_work_that_leaves_the_queue_is_told_so(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    created, in_progress, *rest = stream_events(response("Yes."))
    queued = {"type": "response.queued", "response": created["response"]}
    up.on(*POST, stream([created, queued, in_progress, *rest]), stream([created, in_progress, *rest]))
    told = [event.message for event in await events(backend) if isinstance(event, Activity)]
    assert told == ["waiting in the upstream's queue", "at work"]
    assert not [event for event in await events(backend) if isinstance(event, Activity)]
