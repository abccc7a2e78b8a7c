"""Bodies in the shapes that the Responses walkthrough and its two neighbours print, and what tests say about calls."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import anyio

from tests.serving import House
from tests.upstream_answers import Answer, Exchange, Request, reply, stream
from tests.upstream_shapes import JsonObject, events

STEPS = {
    "file_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "image_generation_call": ("in_progress", "generating", "completed"),
    "mcp_list_tools": ("in_progress", "completed"),
    "mcp_call": ("in_progress", "completed"),
}
"""What a stream says of a hosted tool that runs; web searches are told by ``events`` itself."""

OURS = ("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options")
"""What the server adds to a request by itself, and tests of their own are about."""

SHORT_SECONDS = 20.0
"""How long a test waits for something that comes at once."""


def printed(*output: JsonObject, made: str, model: str, usage: JsonObject | None, **fields: Any) -> JsonObject:
    """A whole response with every field that the walkthrough prints; ``made`` ends its id."""
    return {
        "id": f"resp_686d{made:0>44}",
        "created_at": 1_752_039_350.0,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "object": "response",
        "output": list(output),
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "background": False,
        "max_output_tokens": None,
        "previous_response_id": None,
        "reasoning": {"effort": None, "generate_summary": None, "summary": None},
        "service_tier": "default",
        "status": "completed",
        "text": {"format": {"type": "text"}},
        "truncation": "disabled",
        "usage": usage,
        "user": None,
        "max_tool_calls": None,
        "store": True,
        "top_logprobs": 0,
        **fields,
    }


def counted(sent: int, received: int, *, cached: int = 0, reasoning: int = 0) -> JsonObject:
    """The usage as it is printed: nothing is said of tokens written to the cache."""
    return {
        **total(sent, received),
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens_details": {"reasoning_tokens": reasoning},
    }


def total(sent: int, received: int) -> JsonObject:
    """The usage where it is printed without its details."""
    return {"input_tokens": sent, "output_tokens": received, "total_tokens": sent + received}


def thought(*summaries: str, made: str = "1") -> JsonObject:
    """A reasoning item: no status, and what is told of it."""
    return {
        "id": f"rs_686d{made:0>44}",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": summary} for summary in summaries],
    }


def called(name: str, arguments: str, call_id: str) -> JsonObject:
    """A function call."""
    about = {"id": f"fc_686d{call_id[-8:]:0>44}", "type": "function_call", "status": "completed"}
    return {**about, "name": name, "call_id": call_id, "arguments": arguments}


def told(final: JsonObject) -> list[JsonObject]:
    """The stream of a response, with the steps of the tools that ran and the summaries of the reasoning in it."""
    everything: list[JsonObject] = []
    for event in events(final):
        everything.append(event)
        if event["type"] == "response.output_item.added":
            everything += _while_it_runs(event["item"], event["output_index"])
    return numbered(everything)


def numbered(stream_of: Iterable[JsonObject]) -> list[JsonObject]:
    """The events in sequence, from 0 on."""
    return [{**event, "sequence_number": number} for number, event in enumerate(stream_of)]


def _while_it_runs(item: JsonObject, index: int) -> list[JsonObject]:
    place = {"item_id": item["id"], "output_index": index}
    if item["type"] != "reasoning":
        return [{"type": f"response.{item['type']}.{step}", **place} for step in STEPS.get(item["type"], ())]
    steps: list[JsonObject] = []
    for number, part in enumerate(item["summary"]):
        at, kind = {**place, "summary_index": number}, "response.reasoning_summary"
        steps.append({"type": f"{kind}_part.added", **at, "part": {**part, "text": ""}})
        steps += [{"type": f"{kind}_text.delta", **at, "delta": f"{word} "} for word in part["text"].split()]
        steps.append({"type": f"{kind}_text.done", **at, "text": part["text"]})
        steps.append({"type": f"{kind}_part.done", **at, "part": part})
    return steps


def answers(*finals: JsonObject) -> list[Answer]:
    """Each response as a stream."""
    return [stream(told(final)) for final in finals]


def held(final: JsonObject, upto: Callable[[JsonObject], bool], gate: asyncio.Event) -> Answer:
    """The stream of a response that stops after the first event that fits, until the gate opens."""
    whole = told(final)
    cut = 1 + next(number for number, event in enumerate(whole) if upto(event))
    return stream([*whole[:cut], gate, *whole[cut:]])


def queued(final: JsonObject, gate: asyncio.Event) -> Answer:
    """The stream of background work: nothing but its place in the queue until the gate opens."""
    waiting = {**final, "status": "queued", "output": [], "usage": None}
    start = [{"type": "response.created", "response": waiting}, {"type": "response.queued", "response": waiting}]
    whole = numbered([*start, *told(final)[1:]])
    return stream([*whole[:2], gate, *whole[2:]])


def kept(final: JsonObject) -> Answer:
    """A stored response read again: whole, or with ``stream`` what came after ``starting_after``."""

    async def answer(exchange: Exchange) -> None:
        asked = exchange.request.query
        after = int(asked.get("starting_after", -1))
        rest = stream([event for event in told(final) if event["sequence_number"] > after])
        await (rest if asked.get("stream") == "true" else reply(final))(exchange)

    return answer


def sent(request: Request) -> JsonObject:
    """What the caller made the server ask for: all that was sent, without what the server adds by itself."""
    body = request.json
    key = body["prompt_cache_key"]
    assert key.startswith("rmcp-")
    assert len(key) <= 64
    assert body["stream"] is True
    return {name: value for name, value in body.items() if name not in (*OURS, "stream")}


def said(text: str) -> list[JsonObject]:
    """An input of one message of the user."""
    return [{"role": "user", "content": text}]


def tokens(result: JsonObject) -> JsonObject:
    """The counts of a result's usage, without money."""
    return {name: count for name, count in result["usage"].items() if name.endswith("_tokens")}


def seen(usage: JsonObject) -> JsonObject:
    """The counts that a caller sees of a usage as it was printed; nothing is said of kinds that did not occur."""
    cached = (usage.get("input_tokens_details") or {}).get("cached_tokens", 0)
    reasoning = (usage.get("output_tokens_details") or {}).get("reasoning_tokens", 0)
    plain = {name: usage[name] for name in ("input_tokens", "output_tokens", "total_tokens")}
    return {**plain, "cached_tokens": cached, **({"reasoning_tokens": reasoning} if reasoning else {})}


async def under_way(house: House, job_id: str, wanted: Callable[[JsonObject], bool]) -> JsonObject:
    """Poll a job that runs until its progress is as wanted; returns that."""
    with anyio.fail_after(SHORT_SECONDS):
        while True:
            (job,) = (await house.call("poll", ids=[job_id], wait_seconds=0.1))["jobs"]
            assert job["status"] in ("queued", "in_progress"), job
            if wanted(progress := job.get("progress", {})):
                return progress
