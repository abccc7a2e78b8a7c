"""The tutorial: state by response ids, built-in tools, the function-calling loop, and the agent that has all of it."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.seeds.walkthrough import (
    answers,
    called,
    counted,
    held,
    printed,
    said,
    seen,
    sent,
    tokens,
    under_way,
)
from tests.serving import House, house, openai, told
from tests.upstream_answers import stream
from tests.upstream_shapes import JsonObject, message, text_events
from tests.upstream_state import StatefulUpstream

RESPONSES = ("POST", "/v1/responses")
MODEL = "gpt-4o-2024-08-06"
SEARCH = {"type": "web_search_preview"}
NOTE = {
    "type": "function",
    "name": "keep_finding",
    "description": "Keep a finding in the user's notebook.",
    "parameters": {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "content": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["title", "content", "tags"],
        "additionalProperties": False,
    },
    "strict": True,
}
PERSONA = "You do research: search first, cite what you use, keep findings when asked to."


def searched(query: str, made: str = "1") -> JsonObject:
    """A search of the web that the upstream made."""
    about = {"id": f"ws_6871{made:0>44}", "type": "web_search_call", "status": "completed"}
    return {**about, "action": {"type": "search", "query": query}}


def citing(text: str, *urls: str) -> JsonObject:
    """An answer that names pages."""
    notes = [
        {"type": "url_citation", "url": url, "title": f"Page {number}", "start_index": 0, "end_index": len(text)}
        for number, url in enumerate(urls, 1)
    ]
    return message(text, annotations=notes)


@dataclass
class Researcher:
    """The agent as the host of our tools would be it: it runs its own function, the server keeps the state."""

    served: House
    notes: list[JsonObject] = field(default_factory=list[JsonObject])

    async def run(self, words: str) -> JsonObject:
        """One message of the user, with its function calls answered."""
        turn = {"session": "research", "model": "gpt-4o", "tools": [SEARCH, NOTE]}
        done = await self.served.call("generate", input=words, instructions=PERSONA, **turn)
        outputs = [{"call_id": call["call_id"], "output": self._keep(call)} for call in done.get("tool_calls", ())]
        return await self.served.call("generate", tool_outputs=outputs, **turn) if outputs else done

    def _keep(self, call: JsonObject) -> str:
        assert call["name"] == "keep_finding"
        self.notes.append(json.loads(call["arguments"]))
        return json.dumps({"saved": True, "note_count": len(self.notes)})


async def test_the_agent_searches_keeps_a_note_and_remembers(hosted: House, up: StatefulUpstream) -> None:
    finding = {"title": "Eels", "content": "They cross an ocean.", "tags": ["eels"]}
    pages = ("https://example.org/eels", "https://example.org/sargasso")
    bodies = [
        printed(searched("where eels spawn"), citing("In the Sargasso Sea.", *pages), made="a1", model=MODEL,
                usage=counted(1830, 96)),
        printed(called("keep_finding", json.dumps(finding), "call_7Yq2"), made="a2", model=MODEL,
                usage=counted(2010, 41, cached=1792)),
        printed(message("Kept."), made="a3", model=MODEL, usage=counted(2070, 9, cached=1920)),
        printed(message("How do they find it?"), made="a4", model=MODEL, usage=counted(2110, 30, cached=2048)),
    ]  # fmt: skip
    up.on(*RESPONSES, *answers(*bodies))
    agent = Researcher(hosted)
    first = await agent.run("Where do eels spawn?")
    second = await agent.run("Keep that, tagged 'eels'.")
    third = await agent.run("What do I still not know?")

    # The server puts tools in an order of its own: the cached prefix does not depend on the caller's.
    common = {"model": "gpt-4o", "instructions": PERSONA, "tools": [NOTE, SEARCH], "store": True}
    output = {"type": "function_call_output", "call_id": "call_7Yq2", "output": '{"saved": true, "note_count": 1}'}
    assert [sent(post) for post in up.posts()] == [
        {**common, "input": said("Where do eels spawn?")},
        {**common, "input": said("Keep that, tagged 'eels'."), "previous_response_id": bodies[0]["id"]},
        {**common, "input": [output], "previous_response_id": bodies[1]["id"]},
        {**common, "input": said("What do I still not know?"), "previous_response_id": bodies[2]["id"]},
    ]
    assert len({post.json["prompt_cache_key"] for post in up.posts()}) == 1
    assert agent.notes == [finding]
    assert first["citations"] == [
        {"type": "url_citation", "title": f"Page {number}", "url": url} for number, url in enumerate(pages, 1)
    ]
    assert [done["text"] for done in (first, second, third)] == [
        "In the Sargasso Sea.", "Kept.", "How do they find it?"
    ]  # fmt: skip
    assert "warnings" not in third
    assert tokens(third) == seen(counted(2110, 30, cached=2048))
    shown = await hosted.call("sessions", action="get", session="research")
    assert [turn["response_id"] for turn in shown["turns"]] == [body["id"] for body in bodies]
    assert shown["cache_hit_rate"] == pytest.approx((1792 + 1920 + 2048) / (1830 + 2010 + 2070 + 2110), abs=0.001)


async def test_a_search_is_told_while_it_runs_and_the_final_id_is_there(hosted: House, up: StatefulUpstream) -> None:
    body = printed(
        searched("eel news"), citing("A new spawning ground.", "https://example.org/news"), made="b1", model=MODEL,
        usage=counted(1790, 44),
    )  # fmt: skip
    gate = asyncio.Event()
    up.on(*RESPONSES, held(body, lambda event: event["type"] == "response.web_search_call.searching", gate))
    job = await hosted.call("generate", model="gpt-4o", input="News of eels?", tools=[SEARCH], wait_seconds=0.2)
    await under_way(hosted, job["job_id"], lambda now: now.get("activity") == "searching the web")
    gate.set()
    done = (await hosted.collect(job["job_id"]))["result"]
    assert sent(up.posts()[0]) == {
        "model": "gpt-4o", "input": said("News of eels?"), "tools": [SEARCH], "store": True
    }  # fmt: skip
    assert done["response_id"] == body["id"]
    assert done["text"] == "A new spawning ground."
    assert done["citations"] == [{"type": "url_citation", "title": "Page 1", "url": "https://example.org/news"}]


TIDE = {
    "type": "function",
    "name": "tide_at",
    "description": "The tide at a harbour now.",
    "parameters": {
        "type": "object",
        "properties": {"harbour": {"type": "string"}, "unit": {"type": "string", "enum": ["metre", "foot"]}},
        "required": ["harbour", "unit"],
        "additionalProperties": False,
    },
    "strict": True,
}
TWO_CALLS = [
    called("tide_at", '{"harbour":"Brest","unit":"metre"}', "call_brest"),
    called("tide_at", '{"harbour":"Porto","unit":"metre"}', "call_porto"),
]


async def test_two_functions_asked_for_at_once_are_answered_at_once(hosted: House, up: StatefulUpstream) -> None:
    wants = printed(*TWO_CALLS, made="c1", model=MODEL, usage=counted(74, 52))
    ends = printed(message("Brest 6, Porto 3."), made="c2", model=MODEL, usage=counted(160, 15))
    up.on(*RESPONSES, *answers(wants, ends))
    asked = await hosted.call("generate", model="gpt-4o", input="The tides in Brest and Porto?", tools=[TIDE])
    assert [(call["call_id"], json.loads(call["arguments"])["harbour"]) for call in asked["tool_calls"]] == [
        ("call_brest", "Brest"),
        ("call_porto", "Porto"),
    ]
    # As the tutorial writes it: the outputs are input items, and the tools are not sent again.
    outputs = [
        {"type": "function_call_output", "call_id": call["call_id"], "output": json.dumps({"height": height})}
        for call, height in zip(asked["tool_calls"], (6, 3), strict=True)
    ]
    done = await hosted.call("generate", model="gpt-4o", input=outputs, previous_response_id=asked["response_id"])
    assert sent(up.posts()[1]) == {
        "model": "gpt-4o", "input": outputs, "previous_response_id": wants["id"], "store": True
    }  # fmt: skip
    assert done["text"] == "Brest 6, Porto 3."
    assert any("tools" in warning for warning in done["warnings"])


async def test_calls_that_need_each_other_are_asked_for_one_by_one(hosted: House, up: StatefulUpstream) -> None:
    bodies = [printed(call, made=call["call_id"][-5:], model=MODEL, usage=counted(74, 26)) for call in TWO_CALLS]
    ends = printed(message("Brest 6, Porto 3."), made="d3", model=MODEL, usage=counted(160, 15))
    up.on(*RESPONSES, *answers(*bodies, ends))
    turn = {"session": "tides", "model": "gpt-4o", "tools": [TIDE], "parallel_tool_calls": False}
    done = await hosted.call("generate", input="The tide in Brest, then in Porto?", **turn)
    for call_id in ("call_brest", "call_porto"):
        assert [call["call_id"] for call in done["tool_calls"]] == [call_id]
        done = await hosted.call("generate", tool_outputs=[{"call_id": call_id, "output": "3"}], **turn)
    assert done["text"] == "Brest 6, Porto 3."
    assert [sent(post)["parallel_tool_calls"] for post in up.posts()] == [False, False, False]
    assert [sent(post).get("previous_response_id") for post in up.posts()] == [None, *(body["id"] for body in bodies)]


async def test_a_strict_function_goes_as_it_is_and_a_field_that_does_not_apply_comes_back_null(
    hosted: House, up: StatefulUpstream
) -> None:
    properties = {
        "title": {"type": "string"},
        "urgency": {"type": "string", "enum": ["low", "medium", "high", "critical"]},
        "owner_id": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    }
    schema = {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
    report = {"type": "function", "name": "report", "description": "Report.", "parameters": schema, "strict": True}
    arguments = '{"title":"Lamp out","urgency":"critical","owner_id":null,"tags":["lamp"]}'
    up.on(*RESPONSES, *answers(printed(called("report", arguments, "call_lamp"), made="e1", model=MODEL,
                                       usage=counted(120, 33))))  # fmt: skip
    done = await hosted.call("generate", model="gpt-4o", input="The lamp is out!", tools=[report])
    assert sent(up.posts()[0])["tools"] == [report]
    (call,) = done["tool_calls"]
    assert json.loads(call["arguments"])["owner_id"] is None


async def test_the_tenth_turn_sends_only_its_own_words(hosted: House, up: StatefulUpstream) -> None:
    words = "word " * 500
    for number in range(10):
        await hosted.call("generate", model="gpt-4o", input=f"{number}: {words}", session="scraper")
    sizes = [len(post.content) for post in up.posts()]
    assert len(up.posts()) == 10
    assert up.posts()[9].json["input"] == said(f"9: {words}")
    assert max(sizes[1:]) - min(sizes[1:]) < 10


async def test_each_user_goes_on_from_their_own_last_response_also_another_day(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    given = told(tmp_path, **openai(up.base_url))
    async with house(given) as today:
        last = {user: (await today.call("generate", input="Hello.", session=user))["response_id"] for user in "ab"}
    async with house(given) as later:
        for user in "ba":
            await later.call("generate", input="And on.", session=user)
    assert [post.json["previous_response_id"] for post in up.posts()[2:]] == [last["b"], last["a"]]


async def test_an_assistant_becomes_instructions_a_store_and_a_chain(hosted: House, up: StatefulUpstream) -> None:
    search = {"type": "file_search", "vector_store_ids": ["vs_686f63d470908191ac83b5886a5d136e"]}
    bodies = [printed(message(text), made=text, model=MODEL, usage=counted(900, 20)) for text in ("f1", "f2")]
    up.on(*RESPONSES, *answers(*bodies))
    turn = {"session": "helper", "model": "gpt-4o", "tools": [search]}
    await hosted.call("generate", input="What are the limits?", instructions="You know the manual.", **turn)
    done = await hosted.call("generate", input="And per day?", **turn)
    assert sent(up.posts()[1]) == {
        "model": "gpt-4o",
        "instructions": "You know the manual.",
        "tools": [search],
        "input": said("And per day?"),
        "previous_response_id": bodies[0]["id"],
        "store": True,
    }
    assert done["text"] == "f2"


async def test_the_same_calls_work_on_a_compatible_server_that_keeps_no_state(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    up.on(*RESPONSES, *(stream(text_events(text, model="llama3.2")) for text in ("State is memory.", "Yes.")))
    local = {"OPENAI_BASE_URL": up.base_url, "OPENAI_API_KEY": "ollama", "RESPONSES_MCP_MODEL": "llama3.2"}
    async with house(told(tmp_path, **local)) as served:
        await served.call("generate", input="What is state?", session="s")
        done = await served.call("generate", input="All of it?", session="s")
    first, second = (post.json for post in up.posts())
    assert first == {"model": "llama3.2", "input": said("What is state?"), "store": False, "stream": True}
    assert "previous_response_id" not in second
    assert [item["role"] for item in second["input"]] == ["user", "assistant", "user"]
    assert done["text"] == "Yes."
