"""The guide to prompt caching on OpenAI: the prefix, the hit rate, the fields that tell, the ways to lose it."""

import json

import pytest

from tests.seeds.walkthrough import answers, counted, printed, said, seen, tokens, total
from tests.serving import House
from tests.upstream_answers import reply
from tests.upstream_shapes import message
from tests.upstream_state import StatefulUpstream

RESPONSES = ("POST", "/v1/responses")
COUNT = ("POST", "/v1/responses/input_tokens")
MODEL = "gpt-4o-2024-08-06"
RULES = "Answer as the harbour master would, and name the paragraph. " * 110


def ready(up: StatefulUpstream, *cached: int, sent: int = 1100) -> None:
    """Plan one answer for each number of cached tokens."""
    bodies = [
        printed(message("Yes."), made=f"{number}", model=MODEL, usage=counted(sent, 8, cached=count))
        for number, count in enumerate(cached)
    ]
    up.on(*RESPONSES, *answers(*bodies))


async def test_a_prefix_of_1100_tokens_is_cached_up_to_1024_and_the_rate_is_their_share(
    hosted: House, up: StatefulUpstream
) -> None:
    ready(up, 0, 1024, 1024)
    results = [
        await hosted.call("generate", model="gpt-4o", instructions=RULES, input=question, session="harbour")
        for question in ("May I moor?", "May I fish?", "May I swim?")
    ]
    assert [tokens(done)["cached_tokens"] for done in results] == [0, 1024, 1024]
    assert all(done["usage"]["cached_tokens"] % 128 == 0 for done in results)
    shown = await hosted.call("sessions", action="get", session="harbour")
    assert shown["cache_hit_rate"] == pytest.approx(2048 / 3300, abs=0.001)
    assert [turn["usage"]["cached_tokens"] / turn["usage"]["input_tokens"] for turn in shown["turns"]][1] > 0.9


async def test_the_cached_half_price_and_what_it_saved_are_in_the_usage_and_its_ledger(
    hosted: House, up: StatefulUpstream
) -> None:
    ready(up, 0, 1024)
    for question in ("May I moor?", "May I fish?"):
        done = await hosted.call("generate", model="gpt-4o", instructions=RULES, input=question, session="harbour")
    # gpt-4o: 2.50 USD a million tokens in, half of it for cached ones, 10.00 out.
    assert done["usage"]["cost_usd"] == pytest.approx((76 * 2.50 + 1024 * 1.25 + 8 * 10.00) / 1_000_000)
    assert done["usage"]["saved_usd"] == pytest.approx(1024 * 1.25 / 1_000_000)
    read = await hosted.client.read_resource("usage://session/harbour")
    spent = json.loads(read.contents[0].text)  # type: ignore[union-attr]
    assert (spent["requests"], spent["input_tokens"], spent["cached_tokens"]) == (2, 2200, 1024)
    assert spent["hit_rate"] == round(1024 / 2200, 3)
    assert spent["saved_usd"] == pytest.approx(1024 * 1.25 / 1_000_000)
    assert list(spent["models"]) == [MODEL]


async def test_usage_without_details_is_no_hit_and_no_error(hosted: House, up: StatefulUpstream) -> None:
    up.on(*RESPONSES, *answers(printed(message("Yes."), made="1", model=MODEL, usage=total(1100, 8))))
    done = await hosted.call("generate", model="gpt-4o", instructions=RULES, input="May I moor?", session="harbour")
    assert tokens(done) == seen(counted(1100, 8))
    assert (await hosted.call("sessions", action="get", session="harbour"))["cache_hit_rate"] == 0


async def test_what_stays_the_same_is_sent_the_same_and_only_the_question_differs(
    hosted: House, up: StatefulUpstream
) -> None:
    ready(up, 0, 1024)
    (hosted.app.roots.folders[0] / "rules.txt").write_text("Paragraph 1: moor at low tide.", "utf-8")
    for question in ("May I moor?", "May I fish?"):
        await hosted.call("file_ask", model="gpt-4o", instructions=RULES, files=["rules.txt"], question=question)
    first, second = (post.json for post in up.posts())
    assert first["input"][0]["content"][-1] == {"type": "input_text", "text": "May I moor?"}
    assert second["input"][0]["content"][-1] == {"type": "input_text", "text": "May I fish?"}
    for body in (first, second):
        body["input"][0]["content"].pop()
    assert first == second
    assert "Paragraph 1" in first["input"][0]["content"][0]["text"]


async def test_a_whole_day_in_the_cache_can_be_asked_for(hosted: House, up: StatefulUpstream) -> None:
    ready(up, 0)
    done = await hosted.call(
        "generate", model="gpt-5.1", instructions=RULES, input="Moor?", options={"prompt_cache_retention": "24h"}
    )
    assert up.posts()[0].json["prompt_cache_retention"] == "24h"
    assert done["prompt_cache"] == {"key": up.posts()[0].json["prompt_cache_key"], "retention": "24h"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"instructions": f"{RULES} It is 2026-04-21T09:30:00."}, "timestamp"),
        ({"instructions": f"{RULES} Session 7c9e6679-7425-40de-944b-e07fc1f90ae7."}, "UUID"),
        ({"input": [{"role": "system", "content": f"{RULES} 09:30:00"}, *said("May I moor?")]}, "timestamp"),
    ],
    ids=["time", "session", "system message"],
)
async def test_what_changes_with_every_call_is_found_in_the_static_part(
    hosted: House, up: StatefulUpstream, given: dict[str, object], words: str
) -> None:
    up.always(*COUNT, reply({"object": "response.input_tokens", "input_tokens": 1300}))
    shown = await hosted.call("generate", **{"model": "gpt-4o", "input": "May I moor?", "dry_run": True, **given})
    (warning,) = shown["warnings"]
    assert words in warning
    clean = await hosted.call(
        "generate", model="gpt-4o", instructions=RULES, input="It is 2026-04-21T09:30:00. May I moor?", dry_run=True
    )
    assert "warnings" not in clean
    assert up.posts() == []


async def test_other_tools_than_before_are_told_and_a_fixed_set_that_is_narrowed_is_not(
    hosted: House, up: StatefulUpstream
) -> None:
    tools = [{"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}} for name in "ab"]
    ready(up, 0, 1024, 0)
    turn = {"model": "gpt-4o", "instructions": RULES, "session": "harbour"}
    await hosted.call("generate", input="May I moor?", tools=tools[::-1], **turn)
    narrowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}]}
    same = await hosted.call("generate", input="May I fish?", tools=tools, tool_choice=narrowed, **turn)
    fewer = await hosted.call("generate", input="May I swim?", tools=tools[:1], **turn)
    assert "warnings" not in same
    assert [warning for warning in fewer["warnings"] if "tools" in warning]
    assert up.posts()[1].json["tools"] == up.posts()[0].json["tools"]


async def test_a_prompt_under_1024_tokens_is_told_to_be_too_short(hosted: House, up: StatefulUpstream) -> None:
    counts = (1023, 1024)
    up.on(*COUNT, *(reply({"object": "response.input_tokens", "input_tokens": count}) for count in counts))
    asked = {"model": "gpt-4o", "instructions": RULES, "input": "May I moor?", "dry_run": True}
    short, enough = [await hosted.call("generate", **asked) for _ in counts]
    (warning,) = short["warnings"]
    assert "1023" in warning
    assert "warnings" not in enough
    assert (short["input_tokens"], enough["input_tokens"]) == counts
    assert up.posts() == []
