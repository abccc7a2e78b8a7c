"""Bedrock cookbook §7 and the notes on it in §1 and §2.5: a stable prefix, a key for it, and what it saved."""

import pytest

from tests.seeds.cookbook import ASKED, MODEL, POLICY, UNKEPT, answers, counted, printed, sent, tokens, user
from tests.serving import House
from tests.upstream_answers import JsonObject
from tests.upstream_shapes import message
from tests.upstream_state import StatefulUpstream

ASK = "Two sentences for Noor Haddad about LB-5502, which is late."
PREFIXED = [{"role": "system", "content": POLICY}, user(ASK)]
KEYED: JsonObject = {"prompt_cache_key": "larkspur-rules-v1", "prompt_cache_retention": "in_memory"}


async def test_two_requests_with_one_key_are_alike_to_the_letter(hosted: House, up: StatefulUpstream) -> None:
    answers(up, *[printed(message("Dear Noor."), tokens=(3970, count), **KEYED) for count in (66, 48)])
    assert len(POLICY.split()) > 2048
    first, second = [
        await hosted.call("generate", input=PREFIXED, options=KEYED, store=False, **ASKED) for _ in range(2)
    ]
    assert sent(up.posts()[0]) == {**ASKED, **UNKEPT, **KEYED, "input": PREFIXED}
    assert up.posts()[1].content == up.posts()[0].content
    assert tokens(first) == counted(3970, 66)
    assert tokens(second) == counted(3970, 48)
    assert second["prompt_cache"] == {"key": "larkspur-rules-v1", "retention": "in_memory"}


async def test_what_was_read_from_the_cache_is_told_in_both_places(hosted: House, up: StatefulUpstream) -> None:
    answers(up, *[printed(message("Dear Noor."), tokens=(3970, 48), cached=cached) for cached in (0, 3840)])
    await hosted.call("generate", input=PREFIXED, options=KEYED, store=False, **ASKED)
    result = await hosted.result("generate", input=PREFIXED, options=KEYED, store=False, **ASKED)
    assert result.structured_content is not None
    assert tokens(result.structured_content) == counted(3970, 48, cached_tokens=3840)
    assert "3970 tokens in (3840 cached), 48 out" in result.content[0].text  # type: ignore[union-attr]


async def test_a_session_tells_how_much_of_it_came_from_the_cache(hosted: House, up: StatefulUpstream) -> None:
    spent = [((3970, 66), 0), ((4062, 48), 3840)]
    answers(up, *[printed(message("Dear Noor."), tokens=one, cached=cached, store=True) for one, cached in spent])
    for ask in (ASK, "Shorter."):
        await hosted.call("generate", input=ask, instructions=POLICY, session="rules", **ASKED)
    first, second = (post.json for post in up.posts())
    assert first["instructions"] == second["instructions"] == POLICY
    assert first["prompt_cache_key"] == second["prompt_cache_key"]
    shown = await hosted.call("sessions", action="get", session="rules")
    assert [turn["usage"]["cached_tokens"] for turn in shown["turns"]] == [0, 3840]
    assert shown["cache_hit_rate"] == round(3840 / (3970 + 4062), 3)


async def test_without_a_key_one_is_made_that_holds_no_words_of_the_user(hosted: House, up: StatefulUpstream) -> None:
    answers(up, *[printed(message("Dear Noor."), tokens=(3970, count)) for count in (66, 48, 40)])
    for ask in (ASK, "And for Jo Lind?"):
        done = await hosted.call("generate", input=ask, instructions=POLICY, store=False, **ASKED)
    await hosted.call("generate", input=ASK, instructions="Be brief.", store=False, **ASKED)
    first, second, other = (post.json["prompt_cache_key"] for post in up.posts())
    assert first == second == done["prompt_cache"]["key"]
    assert first != other
    assert len(first) <= 64
    assert not any(word.lower() in first for word in f"{POLICY} {ASK}".split() if len(word) > 3)


@pytest.mark.parametrize(("model", "retention"), [(MODEL, None), ("openai.gpt-5.5", "24h")])
async def test_the_cache_is_kept_as_long_as_the_model_can_keep_it(
    hosted: House, up: StatefulUpstream, model: str, retention: str | None
) -> None:
    answers(up, printed(message("Dear Noor."), tokens=(3970, 66), model=model, store=True))
    done = await hosted.call("generate", input=PREFIXED, model=model)
    assert up.posts()[0].json.get("prompt_cache_retention") == retention
    assert "prompt_cache_options" not in up.posts()[0].json
    assert done["prompt_cache"].get("retention") == retention


async def test_a_prefix_too_short_for_the_cache_is_told_before_it_is_sent(hosted: House, up: StatefulUpstream) -> None:
    long = await hosted.call("generate", input=PREFIXED, dry_run=True, **ASKED)
    short = await hosted.call("generate", input=ASK, dry_run=True, **ASKED)
    assert long["input_tokens"] > 2048
    assert "warnings" not in long
    assert short["input_tokens"] < 1024
    assert "1024" in short["warnings"][0].replace(",", "")
    assert up.posts() == []
