"""Answers of the embedded model: their structure, status, ids and usage, never their prose."""

import json
from contextlib import aclosing

import anyio
import jsonschema
import pytest
from structlog.testing import capture_logs

from mcp_server.backends.llama import chat
from mcp_server.backends.llama.backend import LlamaBackend
from mcp_server.backends.llama.chat import Reply
from mcp_server.errors import UpstreamError
from mcp_server.model.events import Activity, Created, Event, Finished, TextDelta
from tests.llama.conftest import MODEL, answer_of, events_of, said
from tests.llama.test_tools import ADD, WEATHER

pytestmark = pytest.mark.engine

SHORT = {"max_output_tokens": 8}
STORY = "Tell me a long story about a fox."
BOB = "Bob is 42 years old and lives in Oslo. Write it as JSON."


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_the_stream_adds_up_to_the_answer_and_tells_its_id_once(backend):
    events = await events_of(backend, said(STORY, params=SHORT))
    created = [event for event in events if isinstance(event, Created)]
    last = events[-1]
    assert isinstance(last, Finished)
    answer = last.answer
    assert len(created) == 1
    assert created[0].response_id == answer.response_id
    assert (answer.response_id or "").startswith("resp_local_")
    assert sum(isinstance(event, TextDelta) for event in events) > 3
    assert text_of(events) == answer.text
    assert [type(event) for event in events].count(Finished) == 1
    assert answer.model == MODEL
    (item,) = answer.output
    assert item["content"] == [{"type": "output_text", "text": answer.text, "annotations": []}]
    assert (item["type"], item["role"], item["id"][:10]) == ("message", "assistant", "msg_local_")


async def test_an_answer_that_was_cut_off_is_incomplete(backend):
    answer = await answer_of(backend, said(STORY, params={"max_output_tokens": 5}))
    assert (answer.status, answer.incomplete_reason) == ("incomplete", "max_output_tokens")
    assert answer.usage
    assert answer.usage.output_tokens == 5
    assert answer.output[0]["status"] == "incomplete"


async def test_an_answer_that_came_to_its_end_is_completed(backend):
    answer = await answer_of(backend, said("Yes or no?", json_schema={"enum": ["yes", "no"]}))
    assert (answer.status, answer.incomplete_reason) == ("completed", None)
    assert answer.output[0]["status"] == "completed"


async def test_a_second_turn_reuses_the_tokens_of_the_first(backend):
    first = said("Remember these words: " + "apple pear plum " * 20, params=SHORT)
    one = await answer_of(backend, first)
    again = {"input": [*first.input, *one.output, {"role": "user", "content": "Go on."}]}
    two = await answer_of(backend, first.model_copy(update=again))
    assert one.usage
    assert two.usage
    assert two.usage.cached_tokens >= one.usage.input_tokens - 1
    assert two.usage.total_tokens == two.usage.input_tokens + two.usage.output_tokens


PERSON = {
    "type": "object",
    "properties": {"age": {"type": "integer"}},
    "required": ["age"],
    "additionalProperties": False,
}
SCHEMAS = {
    "object": PERSON,
    "enum": {"enum": ["red", "green"]},
    "array": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 5}, "minItems": 2, "maxItems": 3},
    "reference": {
        "type": "array",
        "items": {"$ref": "#/$defs/p"},
        "minItems": 1,
        "maxItems": 2,
        "$defs": {"p": PERSON},
    },
    "alternatives": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 12}]},
    "date": {
        "type": "object",
        "properties": {"day": {"type": "string", "format": "date"}},
        "required": ["day"],
        "additionalProperties": False,
    },
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
async def test_a_schema_is_enforced_while_generating(backend, schema):
    answer = await answer_of(backend, said(BOB, json_schema=schema, params={"max_output_tokens": 150}))
    assert answer.status == "completed"
    jsonschema.validate(json.loads(answer.text), schema)


async def test_json_mode_gives_an_object(backend):
    params = {"text": {"format": {"type": "json_object"}}, "max_output_tokens": 60, "temperature": 0}
    answer = await answer_of(backend, said(BOB, params=params))
    assert answer.text.lstrip().startswith("{")
    if answer.status == "completed":
        assert isinstance(json.loads(answer.text), dict)


async def test_a_schema_that_is_none_is_refused_with_the_engines_words(backend):
    with pytest.raises(UpstreamError, match=r'it said ".*strin') as caught:
        await answer_of(backend, said("hi", json_schema={"type": "strin"}))
    assert (caught.value.kind, caught.value.http_status) == ("invalid_request", 400)


@pytest.mark.parametrize(("tool", "choice"), [(WEATHER, "required"), (ADD, {"type": "function", "name": "add"})])
async def test_a_required_function_is_called_with_arguments_that_fit(backend, tool, choice):
    params = {"tools": [WEATHER, ADD], "tool_choice": choice, "temperature": 0, "max_output_tokens": 120}
    events = await events_of(backend, said("Add 12 and 30.", params=params))
    last = events[-1]
    assert isinstance(last, Finished)
    assert text_of(events) == last.answer.text == ""
    (call,) = last.answer.tool_calls
    (item,) = last.answer.output
    parameters = {each["name"]: each["parameters"] for each in (WEATHER, ADD)}[call.name]
    jsonschema.validate(json.loads(call.arguments or ""), parameters)
    assert (item["type"], item["call_id"], item["name"]) == ("function_call", call.call_id, call.name)
    assert item["arguments"] == call.arguments


async def test_a_call_can_be_answered_and_the_model_goes_on(backend):
    params = {"tools": [ADD], "temperature": 0, "max_output_tokens": 120}
    layout = said("Add 12 and 30.", params={**params, "tool_choice": "required"})
    called = await answer_of(backend, layout)
    result = {"type": "function_call_output", "call_id": called.tool_calls[0].call_id, "output": "42"}
    more = {"input": [*layout.input, *called.output, result], "params": params}
    events = await events_of(backend, layout.model_copy(update=more))
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.answer.status == "completed"
    assert text_of(events) == last.answer.text
    assert bool(last.answer.text) != bool(last.answer.tool_calls)


async def idle(backend: LlamaBackend) -> None:
    with anyio.fail_after(10):
        while any(slot["is_processing"] for slot in await backend._chat.child.post("/slots", None)):
            pass


async def test_closing_the_stream_stops_the_generation(backend):
    async with aclosing(backend.respond(said(STORY))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
        assert any(slot["is_processing"] for slot in await backend._chat.child.post("/slots", None))
    await idle(backend)


async def test_cancelling_the_task_stops_the_generation(backend):
    with anyio.CancelScope() as scope:
        async with aclosing(backend.respond(said(STORY))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    scope.cancel()
    assert scope.cancelled_caught
    await idle(backend)


async def test_an_input_that_is_too_long_names_both_sizes(backend):
    with pytest.raises(UpstreamError) as caught:
        await answer_of(backend, said("word " * 9000))
    failure = caught.value.failure()
    assert (failure.code, failure.retryable, failure.outcome) == ("context_length", False, "failed")
    assert "9031 tokens" in failure.message
    assert "holds 8192" in failure.message


async def test_reading_a_long_input_is_told_on_the_way(backend, monkeypatch):
    monkeypatch.setattr(chat, "LONG_INPUT", 64)
    await answer_of(backend, said("hi", params={"max_output_tokens": 1}))  # the engine runs
    async with aclosing(backend.respond(said("word " * 120))) as events:
        told = [await anext(events), await anext(events)]
    assert isinstance(told[0], Created)
    assert isinstance(told[1], Activity)
    assert told[1].message.startswith("Reading the input: 0 % of 1")


def test_progress_of_reading_leaves_out_what_was_cached():
    def told(**progress: int) -> list[str]:
        chunk = {"choices": [], "prompt_progress": progress}
        return [event.message for event in Reply(said("hi"), MODEL).read(chunk) if isinstance(event, Activity)]

    assert told(total=3000, cache=1000, processed=2000) == ["Reading the input: 50 % of 2000 tokens"]
    assert told(total=3000, cache=1000, processed=3000) == []
    assert told(total=3000, cache=2500, processed=2600) == []


async def test_tokens_are_counted_as_the_engine_will_count_them(backend, home):
    layout = said("How many tokens are these?", instructions="Be brief.", params=SHORT)
    answer = await answer_of(backend, layout)
    assert answer.usage
    assert await backend.count_tokens(layout) == answer.usage.input_tokens
    assert await LlamaBackend(home).count_tokens(layout) is None


async def test_calls_that_do_not_fit_side_by_side_wait_for_each_other(home):
    backend = LlamaBackend(home, context_tokens=256)
    layouts = [said(f"{n} " + f"word{n} " * 32, params={"max_output_tokens": 4}) for n in range(3)]
    answers = {}

    async def ask(n: int) -> None:
        answers[n] = await answer_of(backend, layouts[n])

    try:
        with capture_logs() as logged:
            async with anyio.create_task_group() as tasks:
                for n in range(3):
                    tasks.start_soon(ask, n)
    finally:
        await backend.close()
    assert "engine_crowded" in {line["event"] for line in logged}
    assert [answers[n].status in ("completed", "incomplete") for n in range(3)] == [True] * 3


async def test_a_conversation_that_ends_with_the_assistant_survives_a_crash():
    layout = said("hi", params={"max_output_tokens": 9})
    ending = {"input": [*layout.input, {"role": "assistant", "content": "Well"}]}
    reply = Reply(layout.model_copy(update=ending), MODEL)
    for word in (", ", "hello"):
        list(reply.read({"choices": [{"finish_reason": None, "delta": {"content": word}}]}))
    body = reply.body()
    assert body["messages"][1:] == [{"role": "assistant", "content": "Well, hello"}]
    assert body["max_tokens"] == 7


def test_a_plain_message_beside_functions_is_told_as_text():
    reply = Reply(said("hi", params={"tools": [WEATHER]}), MODEL)
    for piece in ('{"message": ', '"hello"}'):
        events = list(reply.read({"choices": [{"finish_reason": None, "delta": {"content": piece}}]}))
        assert not [event for event in events if isinstance(event, TextDelta)]
    delta, last = reply.end()
    assert isinstance(last, Finished)
    assert delta == TextDelta(text="hello")
    assert (last.answer.text, last.answer.tool_calls) == ("hello", [])
