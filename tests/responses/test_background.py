"""Work that goes on upstream: asked about, read on, accepted without a stream, cancelled."""

from typing import Any

import anyio
import pytest

from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.errors import UpstreamError
from mcp_server.model.answer import Answer
from mcp_server.model.events import Accepted, Created, Cursor, Event, Finished, TextDelta, Thought
from tests.responses.conftest import Connect
from tests.responses.talk import events, fault, layout
from tests.upstream import ScriptedUpstream
from tests.upstream_answers import Answer as Scripted
from tests.upstream_answers import error, reply, stream, web_page
from tests.upstream_shapes import RESPONSE_ID, message, reasoning, response, text_events

POST = "POST", "/v1/responses"
ONE = f"/v1/responses/{RESPONSE_ID}"
GET = "GET", ONE
CANCEL = "POST", f"{ONE}/cancel"
AFTER_2_S = {"openai-poll-after-ms": "2000"}
HALF_DONE = [
    {**reasoning(), "summary": [{"type": "summary_text", "text": "**Plan** Look."}]},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "tides"}},
    {"type": "code_interpreter_call", "id": "ci_1", "status": "interpreting", "code": "print(1)"},
    {**message("Twice a"), "status": "in_progress"},
]


async def resumed(backend: ResponsesBackend, after: int | None) -> list[Event]:
    with anyio.fail_after(10):
        return [event async for event in backend.resume(RESPONSE_ID, after)]


def accepted(event: Event) -> Answer:
    assert isinstance(event, Accepted)
    return event.answer


def finished(event: Event) -> Answer:
    assert isinstance(event, Finished)
    return event.answer


# Asking


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [("1500", 1.5), ("0", 0.1), ("-5", 0.1), ("86400000", 300.0), ("nan", None), ("inf", None), ("soon", None)],
)
async def test_how_long_to_wait_is_what_the_upstream_wishes_within_reason(
    up: ScriptedUpstream, backend: ResponsesBackend, wish: str, seconds: float | None
) -> None:
    up.on(*GET, reply(response(status="queued"), headers={"openai-poll-after-ms": wish}))
    assert (await backend.retrieve(RESPONSE_ID)).poll_after_seconds == seconds


async def test_what_has_ended_or_gives_no_time_is_not_asked_about_at_any_time(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*GET, reply(response("Hi"), headers=AFTER_2_S), reply(response(status="queued")))
    assert (await backend.retrieve(RESPONSE_ID)).poll_after_seconds is None
    assert (await backend.retrieve(RESPONSE_ID)).poll_after_seconds is None


async def test_a_response_that_goes_on_shows_how_far_it_is(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*GET, reply(response(status="in_progress", output=HALF_DONE, usage=None)))
    got = await backend.retrieve(RESPONSE_ID)
    assert (got.status, got.text, got.reasoning_summary) == ("in_progress", "Twice a", "**Plan** Look.")
    assert got.steps == ['searched the web for "tides"']
    assert got.output == HALF_DONE


# Without a stream


async def test_work_that_is_not_streamed_ends_with_its_acceptance(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*POST, reply(response(status="queued"), headers=AFTER_2_S))
    windowed = layout(background=True, params={"background_options": {"completion_window": "8h"}})
    created, last = await events(backend, windowed)
    assert created == Created(response_id=RESPONSE_ID)
    assert (accepted(last).status, accepted(last).poll_after_seconds) == ("queued", 2.0)
    assert up.posts()[0].json["stream"] is False


NO_STREAM = [
    error(400, "Unsupported parameter.", param="stream", code="unsupported_value"),
    error(400, "Streaming is not supported with this model."),
    error(400, "This model does not support the 'stream' option."),
]


@pytest.mark.parametrize("refusal", NO_STREAM)
async def test_a_model_that_cannot_stream_is_asked_once_more_without_a_stream(
    up: ScriptedUpstream, backend: ResponsesBackend, refusal: Scripted
) -> None:
    up.on(*POST, refusal, reply(response(status="queued")))
    created, last = await events(backend, layout(background=True))
    assert (created, accepted(last).attempts) == (Created(response_id=RESPONSE_ID), 2)
    first, second = (sent.json for sent in up.posts())
    assert first == {**second, "stream": True}
    assert second["stream"] is False


@pytest.mark.parametrize(
    ("refusal", "asked"),
    [
        (NO_STREAM[0], layout()),
        (NO_STREAM[0], layout(background=True, params={"background_options": {"completion_window": "2h"}})),
        (error(400, "The upstream model does not exist.", param="model"), layout(background=True)),
        (error(400, "No stream of that name.", code="previous_response_not_found"), layout(background=True)),
        (error(500, "The stream broke."), layout(background=True)),
        (error(403, "You may not stream."), layout(background=True)),
    ],
)
async def test_no_other_refusal_and_no_other_request_is_sent_again(
    up: ScriptedUpstream, backend: ResponsesBackend, refusal: Scripted, asked: Any
) -> None:
    up.on(*POST, refusal)
    assert (await fault(backend, asked)).attempts == len(up.posts()) == 1


async def test_a_second_refusal_ends_it_and_counts_both_requests(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*POST, NO_STREAM[0], error(400, "Background is not supported.", param="background"))
    refused = await fault(backend, layout(background=True))
    assert (refused.param, refused.attempts, len(up.posts())) == ("background", 2, 2)


# Reading on


async def test_a_stream_is_read_on_from_its_middle_to_the_whole_answer(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    told = text_events("Hello there")
    up.on(*GET, stream(told[5:]))
    got = await resumed(backend, 4)
    assert up.requests[0].query == {"stream": "true", "starting_after": "4"}
    assert [event for event in got if not isinstance(event, Cursor)][:-1] == [TextDelta(text=" there")]
    assert finished(got[-1]).text == "Hello there"


async def test_a_stream_read_from_its_beginning_again_does_not_announce_its_id(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    *before, last = text_events("Hi")
    up.on(*GET, stream([*before, {**last, "response": {**last["response"], "output": []}}]))
    got = await resumed(backend, None)
    assert "starting_after" not in up.requests[0].query
    assert not [event for event in got if isinstance(event, Created)]
    assert finished(got[-1]).text == "Hi"


@pytest.mark.parametrize("output", [None, []])
async def test_an_end_without_what_came_before_the_middle_is_no_answer(
    up: ScriptedUpstream, backend: ResponsesBackend, output: list[Any] | None
) -> None:
    whole = response(output=[message("One."), message("Two.", item_id="msg_2")])
    done = {"type": "response.output_item.done", "output_index": 1, "item": whole["output"][1], "sequence_number": 20}
    last = {"type": "response.completed", "response": {**whole, "output": output}, "sequence_number": 21}
    up.on(*GET, stream([done, last]))
    told = backend.resume(RESPONSE_ID, 19)
    assert await anext(told) == Cursor(sequence=20, mark=True)
    with pytest.raises(UpstreamError) as raised:
        await anext(told)
    assert raised.value.kind == "bad_upstream_response"


async def test_a_new_part_of_the_summary_is_set_apart_from_one_that_was_told_before_the_middle(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    kind = "response.reasoning_summary"
    thoughts = [
        {"type": f"{kind}_part.added", "summary_index": 1},
        {"type": f"{kind}_text.delta", "delta": "**Check**"},
        {"type": f"{kind}_text.delta", "delta": " more"},
    ]
    up.on(*GET, stream([*thoughts, text_events("Hi")[-1]]))
    got = await resumed(backend, 7)
    assert [event.text for event in got if isinstance(event, Thought)] == ["\n\n**Check**", " more"]


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (error(400, "This response cannot be streamed."), "invalid_request"),
        (error(404, "Not found."), "not_found"),
        (error(405), "invalid_request"),
        (error(501), "invalid_request"),
        (web_page(), "bad_upstream_response"),
    ],
)
async def test_a_stream_that_cannot_be_read_on_is_refused_at_once(
    up: ScriptedUpstream, backend: ResponsesBackend, refusal: Scripted, kind: str
) -> None:
    up.on(*GET, refusal)
    with pytest.raises(UpstreamError) as raised:
        await resumed(backend, 5)
    assert (raised.value.kind, len(up.requests)) == (kind, 1)


async def test_a_server_that_sends_the_response_instead_of_its_stream_is_understood(
    up: ScriptedUpstream, backend: ResponsesBackend
) -> None:
    up.on(*GET, reply(response("Hi")), reply(response(status="in_progress", output=HALF_DONE), headers=AFTER_2_S))
    (ended,) = await resumed(backend, 5)
    assert finished(ended).text == "Hi"
    (going_on,) = await resumed(backend, 5)
    assert (accepted(going_on).text, accepted(going_on).poll_after_seconds) == ("Twice a", 2.0)


# Cancelling


@pytest.mark.parametrize("status", ["cancelled", "completed", "in_progress"])
async def test_cancelling_returns_the_response_as_the_upstream_says_it_is(
    up: ScriptedUpstream, backend: ResponsesBackend, status: str
) -> None:
    up.on(*CANCEL, reply(response(status=status, output=[], usage=None), headers=AFTER_2_S))
    got = await backend.cancel(RESPONSE_ID)
    assert (got.status, got.usage) == (status, None)
    assert got.poll_after_seconds == (2.0 if status == "in_progress" else None)


@pytest.mark.parametrize("code", [400, 409])
async def test_what_had_ended_before_it_was_cancelled_is_returned_as_it_ended(
    up: ScriptedUpstream, connect: Connect, code: int
) -> None:
    up.on(*CANCEL, error(code, "Cannot cancel a completed response."))
    up.on(*GET, reply(response("There.")))
    got = await connect(max_retries=0).cancel(RESPONSE_ID)
    assert (got.status, got.text) == ("completed", "There.")
    assert got.usage is not None


async def test_a_refusal_to_cancel_what_goes_on_is_told(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*CANCEL, error(400, "Cannot cancel this."))
    up.on(*GET, reply(response(status="in_progress")))
    with pytest.raises(UpstreamError, match="Cannot cancel this"):
        await backend.cancel(RESPONSE_ID)


async def test_a_response_that_is_gone_cannot_be_cancelled(up: ScriptedUpstream, backend: ResponsesBackend) -> None:
    up.on(*CANCEL, error(404, "Not found."))
    with pytest.raises(UpstreamError) as raised:
        await backend.cancel(RESPONSE_ID)
    assert (raised.value.kind, len(up.requests)) == ("not_found", 1)
