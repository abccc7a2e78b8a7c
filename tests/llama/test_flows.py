"""Whole conversations with the embedded engine through the tools: its cache, calls, data. Never its prose."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import jsonschema
import pytest

from mcp_server.backends.llama.process import Child
from mcp_server.model.value import JsonObject
from tests.serving import House

pytestmark = pytest.mark.engine

PLACES = "river mountain harbour village bridge forest meadow tunnel"
MANUAL = " ".join(f"Rule {number}: call a {place} by its name." for number, place in enumerate(PLACES.split()))
POEM = "Sing of copper kettles, of seven grey geese and of nothing else at all."
NUMBER = {"type": "integer", "minimum": 0, "maximum": 99}
ADD = {
    "type": "function",
    "name": "add",
    "description": "Add two numbers.",
    "parameters": {
        "type": "object",
        "properties": {"a": NUMBER, "b": NUMBER},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
}
STAY = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1, "maxLength": 8},
        "stops": {"type": "array", "items": {"type": "string", "maxLength": 6}, "minItems": 1, "maxItems": 2},
        "nights": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["city", "stops", "nights"],
    "additionalProperties": False,
}


@pytest.fixture
def timings(monkeypatch: pytest.MonkeyPatch) -> list[JsonObject]:
    """What llama.cpp measured of each request: tokens reused (``cache_n``), read (``prompt_n``), ``predicted_n``."""
    heard: list[JsonObject] = []
    stream = Child.stream

    async def overheard(child: Child, path: str, body: JsonObject) -> AsyncGenerator[JsonObject]:
        async for chunk in stream(child, path, body):
            if "timings" in chunk:
                heard.append(chunk["timings"])
            yield chunk

    monkeypatch.setattr(Child, "stream", overheard)
    return heard


async def test_what_is_told_as_cached_is_what_the_engine_reused(embedded: House, timings: list[JsonObject]) -> None:
    async def turn(session: str, text: str, **more: Any) -> JsonObject:
        done = await embedded.call("generate", input=text, session=session, max_output_tokens=6, **more)
        usage, measured = done["usage"], timings[-1]
        assert usage["cached_tokens"] == measured["cache_n"]
        assert usage["input_tokens"] == measured["cache_n"] + measured["prompt_n"]
        assert usage["output_tokens"] == measured["predicted_n"]
        return usage

    first = await turn("trip", "Where to?", instructions=MANUAL)
    assert first["input_tokens"] > 90
    second = await turn("trip", "And then?")
    stranger = await turn("poem", "Begin.", instructions=POEM)
    await embedded.call("sessions", action="fork", session="trip", to="detour")
    branch = await turn("detour", "Or elsewhere?")
    third = await turn("trip", "And last?")
    assert len(timings) == 5
    # Nothing of the turn before is read again, but maybe the token where the answer begins: it may merge with it.
    assert second["cached_tokens"] >= first["input_tokens"] - 1
    assert min(branch["cached_tokens"], third["cached_tokens"]) >= second["input_tokens"] - 1
    # Every conversation begins with the same few tokens of the model's template.
    assert max(first["cached_tokens"], stranger["cached_tokens"]) < 10

    shown = await embedded.call("sessions", action="get", session="trip")
    counts = {name: sum(usage[name] for usage in (first, second, third)) for name in first}
    assert counts == {name: shown["usage"][name] for name in counts}
    assert shown["usage"]["cost_usd"] == 0
    assert shown["cache_hit_rate"] == pytest.approx(counts["cached_tokens"] / counts["input_tokens"], abs=1e-3)
    assert shown["cache_hit_rate"] > 0.5


async def test_a_function_is_called_and_answered_and_called_again(embedded: House) -> None:
    async def turn(**more: Any) -> JsonObject:
        return await embedded.call("generate", session="sum", tools=[ADD], **{"max_output_tokens": 120, **more})

    def called(done: JsonObject) -> str:
        (call,) = done["tool_calls"]
        assert (done["status"], call["name"]) == ("completed", "add")
        jsonschema.validate(json.loads(call["arguments"]), ADD["parameters"])
        return call["call_id"]

    named = {"type": "function", "name": "add"}
    asked = await turn(input="Add 12 and 30.", tool_choice=named)
    output = {"call_id": called(asked), "output": "42"}
    answered = await turn(tool_outputs=[output], tool_choice="none", max_output_tokens=8)
    assert "tool_calls" not in answered
    again = await turn(input="Add 1 and 2.", tool_choice=named)
    assert called(again) != called(asked)
    assert again["usage"]["cached_tokens"] >= asked["usage"]["input_tokens"] - 1
    shown = await embedded.call("sessions", action="get", session="sum")
    assert [one["response_id"] for one in shown["turns"]] == [one["response_id"] for one in (asked, answered, again)]


async def test_data_keeps_to_its_bounds_turn_after_turn(embedded: House) -> None:
    texts = "Two nights in Bergen, with stops in Voss and Finse.", "The same, but four nights and in Oslo."
    one, two = [
        await embedded.call("structured_extract", input=text, session="plan", instructions=POEM, schema=STAY)
        for text in texts
    ]
    for done in (one, two):
        assert (done["status"], done["outcome"]) == ("completed", "ok")
        jsonschema.validate(done["data"], STAY)
    assert two["usage"]["cached_tokens"] >= one["usage"]["input_tokens"] - 1
