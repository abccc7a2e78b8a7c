"""Prompt-cache keys, retention and hygiene, as data and as the caller sees them."""

import hashlib
import json

import pytest

from mcp_server.errors import InvalidArgument
from mcp_server.turns.caching import KEY_REQUESTS_A_MINUTE, Shards, check_retention, kept_for, retention
from tests.serving import House
from tests.upstream_state import StatefulUpstream


def keys(up: StatefulUpstream) -> list[str]:
    return [post.json["prompt_cache_key"] for post in up.posts()]


async def test_a_session_keeps_its_key_and_another_has_another(hosted: House, up: StatefulUpstream) -> None:
    for session in ("a", "a", "b"):
        await hosted.call("generate", input="Hi", session=session)
    first, again, other = keys(up)
    assert first == again != other
    assert all(len(key) <= 64 for key in keys(up))


async def test_one_offs_share_a_key_when_their_static_part_is_the_same(hosted: House, up: StatefulUpstream) -> None:
    for asked, instructions in (("Hi", "Be brief."), ("Something else", "Be brief."), ("Hi", "Be long.")):
        await hosted.call("generate", input=asked, instructions=instructions)
    first, again, other = keys(up)
    assert first == again != other


async def test_no_text_of_the_caller_is_in_a_key(hosted: House, up: StatefulUpstream) -> None:
    result = await hosted.call("generate", input="secret-input", session="secret-name", instructions="secret-words")
    assert "secret" not in keys(up)[0]
    assert result["prompt_cache"] == {"key": keys(up)[0], "retention": "30m"}
    for word in ("secret-input", "secret-name", "secret-words"):
        assert hashlib.sha256(word.encode()).hexdigest()[:20] not in keys(up)[0]


async def test_a_key_of_the_callers_own_is_left_as_it_is(hosted: House, up: StatefulUpstream) -> None:
    result = await hosted.call("generate", input="Hi", session="s", options={"prompt_cache_key": "mine"})
    assert keys(up) == ["mine"]
    assert result["prompt_cache"]["key"] == "mine"


def test_a_busy_key_spills_over_and_comes_back_when_it_is_quiet() -> None:
    clock = [0.0]
    shards = Shards(lambda: clock[0])
    placed = [shards.place("k") for _ in range(KEY_REQUESTS_A_MINUTE * 2 + 1)]
    assert [placed.count(name) for name in ("k", "k-2", "k-3")] == [15, 15, 1]
    assert shards.place("other") == "other"
    clock[0] = 60.0
    assert shards.place("k") == "k"


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("gpt-5.5", {"prompt_cache_retention": "24h"}),
        ("gpt-5.5-pro", {"prompt_cache_retention": "24h"}),
        ("gpt-5.6-sol", {"prompt_cache_options": {"ttl": "30m"}}),
        ("openai.gpt-6-astra", {"prompt_cache_options": {"ttl": "30m"}}),
        ("gpt-6.2-sol", {"prompt_cache_options": {"ttl": "30m"}}),
        ("gpt-5.4", {}),
        ("gpt-4o-2024-08-06", {}),
        ("gpt-oss-120b", {}),
        ("llama-3.3", {}),
        (None, {}),
    ],
)
def test_each_model_gets_the_parameter_it_takes(model: str | None, sent: dict[str, object]) -> None:
    assert retention(model, {}) == sent
    assert kept_for(sent) in ("24h", "30m", None)
    check_retention(model, sent)


def test_what_a_model_refuses_is_refused_before_it_is_sent() -> None:
    with pytest.raises(InvalidArgument, match="use prompt_cache_options"):
        check_retention("gpt-6-sol", {"prompt_cache_retention": "24h"})
    with pytest.raises(InvalidArgument, match="use prompt_cache_retention"):
        check_retention("gpt-5.4", {"prompt_cache_options": {"ttl": "12h"}})
    check_retention("a-model-nobody-knows", {"prompt_cache_options": {"ttl": "12h"}, "prompt_cache_retention": "24h"})


async def test_nothing_asks_for_keeping_where_nothing_is_to_be_kept(hosted: House, up: StatefulUpstream) -> None:
    result = await hosted.call("generate", input="Hi", store=False)
    assert "prompt_cache_options" not in up.posts()[0].json
    assert "retention" not in result["prompt_cache"]


async def test_tools_are_sent_in_one_order(hosted: House, up: StatefulUpstream) -> None:
    one, two = ({"type": "function", "name": name, "parameters": {}, "strict": False} for name in ("alpha", "beta"))
    search = {"type": "web_search"}
    for tools in ([search, two, one], [one, search, two]):
        await hosted.call("generate", input="Hi", session="s", tools=tools)
    assert [post.json["tools"] for post in up.posts()] == [[one, two, search]] * 2


async def test_what_changed_in_the_static_part_is_warned_of(hosted: House) -> None:
    tool = {"type": "web_search"}
    first = await hosted.call("generate", input="One", session="s", tools=[tool])
    same = await hosted.call("generate", input="Two", session="s", tools=[tool])
    assert "warnings" not in first
    assert "warnings" not in same
    other = await hosted.call("generate", input="Three", session="s", tools=[], verbosity="low")
    assert other["warnings"] == [
        "prompt cache: tools and verbosity changed since the turn before, so its prefix is read anew; keep them the "
        "same; tool_choice can narrow the tools without changing them."
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("It is 2026-11-22 10:15 now.", "a timestamp"),
        ("Request 3f2b8c1e-9a4d-4c61-8f3e-0a1b2c3d4e5f.", "a UUID"),
        ("Trace 9f86d081884c7d659a2feaa0c55ad015.", "a long random-looking id"),
    ],
)
async def test_text_that_changes_with_each_call_is_warned_of(hosted: House, text: str, what: str) -> None:
    result = await hosted.call("generate", input="Hi", instructions=text)
    assert [what in warning for warning in result["warnings"]] == [True]
    at_the_end = await hosted.call("generate", input=text)
    assert "warnings" not in at_the_end


async def test_a_dry_run_tells_the_cost_and_what_keeps_the_cache_from_hitting(
    hosted: House, up: StatefulUpstream
) -> None:
    shown = await hosted.call(
        "generate", input="one two three", instructions="It is 2026-11-22 10:15.", max_output_tokens=100, dry_run=True
    )
    assert up.posts() == []
    assert shown["input_tokens"] == 7
    # gpt-5.6-sol: 4 and 20 dollars a million.
    assert shown["cost_usd"] == pytest.approx((7 * 4 + 100 * 20) / 1e6)
    assert [warning.split(";")[0] for warning in shown["warnings"]] == [
        "prompt cache: the static part holds a timestamp ('2026-11-22 10:15')",
        "prompt cache: 7 input tokens are too few",
    ]
    assert json.dumps(shown["request"])


async def test_tokens_and_money_of_a_session_are_summed(hosted: House) -> None:
    for asked in ("One", "Two"):
        await hosted.call("generate", input=asked, session="s")
    shown = await hosted.call("sessions", action="get", session="s")
    assert shown["usage"]["requests"] == 2
    assert shown["cache_hit_rate"] > 0
    assert shown["usage"]["cost_usd"] > 0
    assert shown["usage"]["saved_usd"] > 0
    assert sum(turn["usage"]["cost_usd"] for turn in shown["turns"]) == pytest.approx(shown["usage"]["cost_usd"])
