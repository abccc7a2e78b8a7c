"""Research that takes its time: what a caller sees of it on the way, what it gets, and that every tool can be part."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import anyio

from tests.serving import House, text_of
from tests.tools.test_every_parameter import TOOLS, WEATHER
from tests.upstream_answers import error, reply, stream
from tests.upstream_shapes import RESPONSE_ID, function_call, message, response
from tests.upstream_state import StatefulUpstream

JsonObject = dict[str, Any]

POST = "POST", "/v1/responses"
GET = "GET", f"/v1/responses/{RESPONSE_ID}"

RESEARCH: JsonObject = {
    "input": "Why are there two tides a day?",
    "tools": [
        {"type": "web_search"},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {
            "type": "mcp",
            "server_label": "almanac",
            "server_url": "https://mcp.example.com",
            "require_approval": "never",
        },
    ],
    "options": {"reasoning": {"summary": "auto"}},
}
LISTED = {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "almanac", "tools": [{"name": "a"}, {"name": "b"}]}
PLANNED = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "**Plan**"}, {"type": "summary_text", "text": "**Sources** Two."}],
}
SEARCHED = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "two tides", "queries": ["two tides", "moon"]},
}
OPENED = {**SEARCHED, "id": "ws_2", "action": {"type": "open_page", "url": "https://tides.example/why"}}
ASKED = {
    "type": "mcp_call",
    "id": "mcp_1",
    "server_label": "almanac",
    "name": "moon",
    "arguments": '{"day": "today"}',
    "error": {"type": "http_error", "code": 502, "message": "Bad gateway"},
}
COMPUTED = {
    "type": "code_interpreter_call",
    "id": "ci_1",
    "status": "completed",
    "container_id": "cntr_1",
    "code": "period = 24.84 / 2\nprint(period)",
    "outputs": [{"type": "logs", "logs": "12.42\n"}],
}
SAID = message(
    "Because the earth turns under both bulges.",
    annotations=[
        {
            "type": "url_citation",
            "url": "https://tides.example/why",
            "title": "Why two?",
            "start_index": 0,
            "end_index": 7,
        }
    ],
)
OUTPUT = [LISTED, PLANNED, SEARCHED, OPENED, ASKED, COMPUTED, SAID]
STEPS = [
    "asked almanac for its tools: 2",
    'searched the web for "two tides", "moon"',
    "opened https://tides.example/why",
    'called almanac.moon {"day": "today"} (failed: Bad gateway)',
    "ran code: period = 24.84 / 2 … (1 output)",
]


def item(index: int, *between: JsonObject | asyncio.Event) -> list[JsonObject | asyncio.Event]:
    """The events of an output item, and what comes between its beginning and its end."""
    whole = OUTPUT[index]
    added = {"type": "response.output_item.added", "output_index": index, "item": {**whole, "status": "in_progress"}}
    return [added, *between, {"type": "response.output_item.done", "output_index": index, "item": whole}]


def told(kind: str, **fields: Any) -> JsonObject:
    return {"type": f"response.{kind}", **fields}


def research(gates: list[asyncio.Event]) -> list[JsonObject | asyncio.Event | str]:
    """The stream of a deep research, numbered, held at each of five gates."""
    final = response(output=OUTPUT, background=True)
    begun = {**final, "status": "queued", "output": [], "usage": None}
    summary = "reasoning_summary"
    events = [
        told("created", response=begun),
        told("queued", response=begun),
        gates[0],
        told("in_progress", response={**begun, "status": "in_progress"}),
        *item(0, told("mcp_list_tools.in_progress"), told("mcp_list_tools.completed")),
        *item(
            1,
            told(f"{summary}_part.added", summary_index=0),
            told(f"{summary}_text.delta", summary_index=0, delta="**Plan**"),
            told(f"{summary}_part.added", summary_index=1),
            told(f"{summary}_text.delta", summary_index=1, delta="**Sources**"),
            gates[1],
            told(f"{summary}_text.delta", summary_index=1, delta=" Two."),
        ),
        *item(2, told("web_search_call.in_progress"), told("web_search_call.searching"), gates[2]),
        *item(3),
        *item(4, told("mcp_call.in_progress"), told("mcp_call.failed")),
        *item(5, told("code_interpreter_call.in_progress"), told("code_interpreter_call.interpreting"), gates[3]),
        *item(6, told("output_text.delta", output_index=6, delta="Because the"), gates[4]),
        told("completed", response=final),
    ]
    numbers = count()
    return [
        event if isinstance(event, asyncio.Event) else {**event, "sequence_number": next(numbers)} for event in events
    ]


async def seen(house: House, job_id: str, so: Callable[[JsonObject], bool]) -> JsonObject:
    """The progress of a running job once it is so."""
    with anyio.fail_after(20):
        while True:
            (job,) = (await house.call("poll", ids=[job_id], wait_seconds=0.05))["jobs"]
            assert job["status"] in ("queued", "in_progress"), job
            assert job["poll_after_seconds"] > 0
            if so(progress := job.get("progress", {})):
                return progress


def doing(activity: str) -> Callable[[JsonObject], bool]:
    return lambda progress: progress.get("activity") == activity


async def test_what_research_does_is_readable_while_it_runs(hosted: House, up: StatefulUpstream) -> None:
    gates = [asyncio.Event() for _ in range(5)]
    up.on(*POST, stream(research(gates)))
    job_id = (await hosted.call("start_background", **RESEARCH))["job_id"]

    await seen(hosted, job_id, doing("waiting in the upstream's queue"))
    gates[0].set()
    thinking = await seen(hosted, job_id, lambda progress: "Sources" in progress.get("reasoning_summary", ""))
    assert (thinking["activity"], thinking["reasoning_summary"]) == ("thinking", "**Plan**\n\n**Sources**")
    assert thinking["steps"] == STEPS[:1]
    gates[1].set()
    searching = await seen(hosted, job_id, doing("searching the web"))
    assert searching["reasoning_summary"] == "**Plan**\n\n**Sources** Two."
    assert searching["steps"] == STEPS[:1]
    gates[2].set()
    assert (await seen(hosted, job_id, doing("running code")))["steps"] == STEPS[:4]
    gates[3].set()
    writing = await seen(hosted, job_id, doing("writing"))
    assert (writing["text_so_far"], writing["steps"]) == ("Because the", STEPS)
    shown = text_of(await hosted.result("poll", ids=[job_id]))
    assert all(words in shown for words in [*STEPS, "**Plan**", "Because the", "writing"])
    gates[4].set()

    result = (await hosted.collect(job_id))["result"]
    assert result["text"] == "Because the earth turns under both bulges."
    assert result["reasoning_summary"] == "**Plan**\n\n**Sources** Two."
    (citation,) = result["citations"]
    assert (citation["url"], citation["title"]) == ("https://tides.example/why", "Why two?")
    (sent,) = up.posts()
    assert (sent.json["background"], sent.json["reasoning"]) == (True, {"summary": "auto"})
    assert sorted(tool["type"] for tool in sent.json["tools"]) == ["code_interpreter", "mcp", "web_search"]


async def test_research_with_a_model_that_does_not_stream_is_readable_too(hosted: House, up: StatefulUpstream) -> None:
    soon = {"openai-poll-after-ms": "100"}
    up.on(*POST, error(400, "Streaming is not supported with this model.", param="stream"))
    up.on(*POST, reply(response(status="queued", background=True), headers=soon))
    half = response(status="in_progress", output=[*OUTPUT[:4], {**SAID, "status": "in_progress"}], usage=None)
    up.always(*GET, reply(half, headers=soon))
    job_id = (await hosted.call("start_background", **RESEARCH, model="gpt-5.5-pro"))["job_id"]

    progress = await seen(hosted, job_id, lambda progress: bool(progress.get("steps")))
    assert progress["steps"] == STEPS[:3]
    assert progress["reasoning_summary"] == "**Plan**\n\n**Sources** Two."
    assert progress["text_so_far"] == SAID["content"][0]["text"]
    up.always(*GET, reply(response(output=OUTPUT, background=True)))
    result = (await hosted.collect(job_id))["result"]
    assert (result["status"], result["text"]) == ("completed", SAID["content"][0]["text"])
    assert [sent.json["stream"] for sent in up.posts()] == [True, False]


async def test_every_kind_of_tool_works_in_the_background(hosted: House, up: StatefulUpstream) -> None:
    jobs = [await hosted.call("start_background", input="Look.", tools=[tool]) for tool in TOOLS]
    for job in jobs:
        assert (await hosted.collect(job["job_id"]))["result"]["text"] == "Turn 1: Look."
    assert all(sent.json["background"] for sent in up.posts())
    assert sorted(map(str, (sent.json["tools"][0] for sent in up.posts()))) == sorted(map(str, TOOLS))


async def test_files_a_schema_and_tools_go_together_in_the_background(hosted: House, up: StatefulUpstream) -> None:
    (hosted.app.roots.folders[0] / "log.txt").write_text("High water 06:12.", "utf-8")
    schema = {"type": "object", "properties": {"time": {"type": "string"}}, "required": ["time"]}
    up.say([COMPUTED, message('{"time": "06:12"}')])
    job = await hosted.call("start_background", **RESEARCH, files=["log.txt"], schema=schema)
    result = (await hosted.collect(job["job_id"]))["result"]
    assert (result["outcome"], result["data"]) == ("ok", {"time": "06:12"})
    assert [file["sent_as"] for file in result["files"]] == ["text"]
    sent = up.posts()[0].json
    assert len(sent["tools"]) == 3
    assert sent["text"]["format"]["type"] == "json_schema"
    assert "High water 06:12." in str(sent["input"])


async def test_an_image_made_in_the_background_is_kept(hosted: House, up: StatefulUpstream) -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    up.say([{"type": "image_generation_call", "id": "ig_1", "status": "generating", "result": pixel}, message("Here.")])
    job = await hosted.call("start_background", input="Draw.", tools=[{"type": "image_generation"}])
    (artifact,) = (await hosted.collect(job["job_id"]))["result"]["artifacts"]
    assert (artifact["kind"], artifact["mime_type"]) == ("image", "image/png")


async def test_a_call_that_comes_back_from_the_background_is_answered_in_the_foreground(
    hosted: House, up: StatefulUpstream
) -> None:
    up.say([function_call("weather", '{"city": "Oslo"}')], "Sunny in Oslo.")
    job = await hosted.call("start_background", input="Weather?", tools=[WEATHER])
    result = (await hosted.collect(job["job_id"]))["result"]
    (call,) = result["tool_calls"]
    assert (call["name"], call["arguments"]) == ("weather", '{"city": "Oslo"}')
    answers = [{"call_id": call["call_id"], "output": "sunny"}]
    done = await hosted.call(
        "generate", tool_outputs=answers, previous_response_id=result["response_id"], tools=[WEATHER]
    )
    assert done["text"] == "Sunny in Oslo."
    sent = up.posts()[-1].json
    assert sent["previous_response_id"] == result["response_id"]
    assert sent["input"] == [{"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}]
