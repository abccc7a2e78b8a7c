"""A request goes out as it was laid out, and what comes back is told as it happens."""

import asyncio
from contextlib import aclosing

import anyio
import pytest
from inline_snapshot import snapshot

from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.profiles import LLAMA_CPP, OLLAMA
from mcp_server.model.answer import Answer, Citation, ToolCall, Usage
from mcp_server.model.events import Activity, Created, Cursor, Finished, TextDelta
from tests.responses.conftest import Connect
from tests.responses.talk import answer, events, layout
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import JsonObject, reply, stream
from tests.upstream_shapes import (
    RESPONSE_ID,
    custom_call,
    function_call,
    message,
    reasoning,
    refusal,
    response,
    text_events,
    usage,
)
from tests.upstream_shapes import events as stream_events

POST = "POST", "/v1/responses"


async def test_a_text_streams_in_pieces_and_ends_with_the_whole_answer(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*POST, stream(text_events("Hello there", usage=usage(36, 12, cached=4, written=2, reasoning=5))))
    told = await events(backend)
    assert [event.sequence for event in told if isinstance(event, Cursor)] == list(range(10))
    assert [event for event in told if not isinstance(event, Cursor) or event.mark] == [
        Created(response_id=RESPONSE_ID),
        Cursor(sequence=2, mark=True),
        TextDelta(text="Hello"),
        TextDelta(text=" there"),
        Cursor(sequence=8, mark=True),
        Finished(
            answer=Answer(
                status="completed",
                text="Hello there",
                response_id=RESPONSE_ID,
                service_tier="default",
                model="gpt-6-sol",
                usage=Usage(
                    input_tokens=36,
                    cached_tokens=4,
                    cache_write_tokens=2,
                    output_tokens=12,
                    reasoning_tokens=5,
                    total_tokens=48,
                ),
                output=[message("Hello there")],
            )
        ),
    ]


async def test_only_what_is_set_is_sent(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, stream(text_events("ok")))
    await answer(backend)
    assert up.requests[0].json == snapshot(
        {"model": "gpt-6-sol", "input": [{"role": "user", "content": "hello"}], "store": True, "stream": True}
    )


async def test_everything_that_is_set_is_sent_by_its_api_name(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, stream(text_events("{}")))
    asked = layout(
        instructions="be brief",
        previous_response_id="resp_0",
        json_schema={"type": "object"},
        schema_name="thing",
        strict=False,
        cache_key="s1",
        params={"text": {"verbosity": "low"}, "reasoning": {"effort": "low"}, "vendor_extra": 1, "top_p": None},
    )
    await answer(backend, asked)
    assert up.requests[0].json == snapshot(
        {
            "text": {
                "verbosity": "low",
                "format": {"type": "json_schema", "name": "thing", "schema": {"type": "object"}, "strict": False},
            },
            "reasoning": {"effort": "low"},
            "vendor_extra": 1,
            "model": "gpt-6-sol",
            "input": [{"role": "user", "content": "hello"}],
            "instructions": "be brief",
            "previous_response_id": "resp_0",
            "prompt_cache_key": "s1",
            "store": True,
            "stream": True,
        }
    )


async def test_a_background_request_is_stored_whatever_was_asked(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*POST, stream(text_events("ok", background=True)))
    await answer(backend, layout(background=True, store=False))
    sent = up.requests[0].json
    assert (sent["background"], sent["stream"], sent["store"]) == (True, True, True)


async def test_a_server_that_does_not_read_store_is_told_nothing_of_it(up: ScriptedUpstream, connect: Connect) -> None:
    up.on(*POST, stream(text_events("ok")))
    await answer(connect(profile=OLLAMA), layout(store=False))
    assert "store" not in up.requests[0].json


@pytest.mark.parametrize(
    ("asked", "form"),
    [
        ({"json_schema": {"type": "object"}}, {"name": "result", "schema": {"type": "object"}, "strict": True}),
        ({"params": {"text": {"format": {"type": "json_object"}}}}, None),
    ],
)
async def test_the_form_of_an_answer_stands_where_the_server_reads_it(
    up: ScriptedUpstream, connect: Connect, asked: JsonObject, form: JsonObject | None
) -> None:
    up.on(*POST, stream(text_events("ok")))
    await answer(connect(profile=LLAMA_CPP), layout(**asked))
    sent = up.requests[0].json
    kind = {"type": "json_schema", "json_schema": form} if form else {"type": "json_object"}
    assert sent["response_format"] == kind
    assert "text" not in sent


async def test_tool_calls_come_back_with_what_the_model_wrote(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    output = [reasoning(), function_call("weather", '{"city": "Oslo"}'), custom_call("sql", "SELECT 1")]
    up.on(*POST, stream(stream_events(response(output=output))))
    told = await events(backend)
    assert [event.message for event in told if isinstance(event, Activity)] == [
        "thinking",
        "preparing a tool call",
        "preparing a tool call",
    ]
    assert isinstance(told[-1], Finished)
    assert told[-1].answer.tool_calls == [
        ToolCall(call_id="call_1", name="weather", arguments='{"city": "Oslo"}'),
        ToolCall(call_id="call_2", name="sql", type="custom", input="SELECT 1"),
    ]
    assert told[-1].answer.output == output


async def test_a_refusal_is_an_answer_without_text(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, stream(stream_events(response(output=[refusal("I cannot help with that.")]))))
    got = await answer(backend)
    assert (got.status, got.text, got.refusal) == ("completed", "", "I cannot help with that.")


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
async def test_an_incomplete_answer_keeps_its_text_and_says_why(
    up: ScriptedUpstream, backend: ResponsesBackend, reason: str
) -> None:
    up.on(*POST, stream(text_events("Half an", status="incomplete", incomplete_details={"reason": reason})))
    got = await answer(backend)
    assert (got.status, got.text, got.incomplete_reason, got.failure) == ("incomplete", "Half an", reason, None)


async def test_commentary_is_left_out_of_the_text(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    output = [message("Let me look.", phase="commentary"), message("42", phase="final_answer")]
    up.on(*POST, stream(stream_events(response(output=output))))
    told = await events(backend)
    assert [event.text for event in told if isinstance(event, TextDelta)] == ["42"]
    assert isinstance(told[-1], Finished)
    assert told[-1].answer.text == "42"


async def test_commentary_is_the_text_when_there_is_no_other(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, stream(stream_events(response(output=[message("Let me look.", phase="commentary")]))))
    assert (await answer(backend)).text == "Let me look."


async def test_citations_of_every_kind_are_kept_once(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    notes = [
        {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 2},
        {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 5, "end_index": 9},
        {"type": "file_citation", "file_id": "file-1", "filename": "a.pdf", "index": 3},
        {"type": "container_file_citation", "container_id": "c", "file_id": "cfile_1", "filename": "plot.png"},
        {"type": "file_path", "file_id": "file-2", "index": 1},
    ]
    up.on(*POST, stream(stream_events(response(output=[message("See", annotations=notes)]))))
    assert (await answer(backend)).citations == [
        Citation(type="url_citation", url="https://a.example", title="A"),
        Citation(type="file_citation", file_id="file-1", filename="a.pdf"),
        Citation(type="container_file_citation", file_id="cfile_1", container_id="c", filename="plot.png"),
        Citation(type="file_path", file_id="file-2"),
    ]


async def test_hosted_tools_are_told_as_activities(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
    up.on(*POST, stream(stream_events(response(output=[search, message("Found")]))))
    told = await events(backend)
    assert [event for event in told if isinstance(event, Activity)] == [Activity(message="searching the web")]


async def test_events_nobody_knows_are_passed_over(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    strange = [
        {"type": "acme:sparkle", "sequence_number": 99},
        {"type": "response.output_text.delta", "delta": None},
        {"type": 7},
        {"type": "response.output_item.done", "item": None},
        ": comment\n\n",
        "data: [1, 2]\n\n",
    ]
    first, *rest = text_events("Hi")
    up.on(*POST, stream([first, *strange, *rest]))
    assert (await answer(backend)).text == "Hi"


async def test_a_stream_that_says_done_after_the_end_is_read_once(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*POST, stream(text_events("Hi"), ends="done"))
    assert (await answer(backend)).text == "Hi"


async def test_null_output_means_none_and_missing_usage_means_unknown(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*POST, stream([{"type": "response.completed", "response": response(output=None, usage=None)}]))
    got = await answer(backend)
    assert (got.output, got.text, got.usage) == ([], "", None)


async def test_usage_without_details_counts_what_is_there(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    bare = {"input_tokens": 3, "output_tokens": 4, "input_tokens_details": None}
    up.on(*POST, stream(text_events("Hi", usage=bare)))
    assert (await answer(backend)).usage == Usage(input_tokens=3, output_tokens=4, total_tokens=7)


async def test_items_seen_before_stand_in_for_an_output_left_out_of_the_last_event(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    *before, last = text_events("Hi")
    up.on(*POST, stream([*before, {**last, "response": {**last["response"], "output": []}}]))
    assert (await answer(backend)).text == "Hi"


async def test_a_server_that_does_not_stream_answers_at_once(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, reply(response("Hi")))
    created, finished = await events(backend)
    assert created == Created(response_id=RESPONSE_ID)
    assert isinstance(finished, Finished)
    assert finished.answer.text == "Hi"


async def test_echoes_of_the_request_are_kept(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*POST, stream(text_events("Hi", previous_response_id="resp_0", prompt_cache_key="s1")))
    got = await answer(backend)
    assert (got.previous_response_id, got.cache_key) == ("resp_0", "s1")


async def test_closing_the_generator_closes_the_connection_upstream(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*POST, stream(text_events("Hi")[:5], ends="silence"))
    async with aclosing(backend.respond(layout())) as told:
        assert isinstance(await anext(told), Created)
    with anyio.fail_after(2):
        await up.requests[0].abandoned.wait()


async def test_cancelling_the_task_closes_the_connection_upstream(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*POST, stream(text_events("Hi")[:1], ends="silence"))
    begun = anyio.Event()

    async def talk() -> None:
        async with aclosing(backend.respond(layout())) as told:
            async for _ in told:
                begun.set()

    async with anyio.create_task_group() as group:
        group.start_soon(talk)
        await begun.wait()
        group.cancel_scope.cancel()
    with anyio.fail_after(2):
        await up.requests[0].abandoned.wait()


async def test_text_is_told_before_the_answer_is_complete(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    rest = asyncio.Event()
    raw = text_events("Hello there")
    up.on(*POST, stream([*raw[:5], rest, *raw[5:]]))
    with anyio.fail_after(5):
        async with aclosing(backend.respond(layout())) as told:
            async for event in told:
                if event == TextDelta(text="Hello"):
                    rest.set()
    assert rest.is_set()
