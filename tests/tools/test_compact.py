"""``sessions`` compact: the conversation goes on from a short form of itself."""

from pathlib import Path

import pytest

from mcp_server.turns import compaction
from tests.serving import House, house, openai, text_of, told
from tests.upstream_answers import error, reply
from tests.upstream_shapes import function_call, response
from tests.upstream_state import StatefulUpstream

COMPACT = "/v1/responses/compact"


async def test_the_backend_compacts_a_chain_and_the_session_goes_on_from_it(
    hosted: House, up: StatefulUpstream
) -> None:
    await hosted.call("generate", input="One", session="s", instructions="Be brief.")
    second = await hosted.call("generate", input="Two", session="s")
    done = await hosted.call("sessions", action="compact", session="s")
    (asked,) = up.posts(COMPACT)
    assert asked.json["previous_response_id"] == second["response_id"]
    assert not {"input", "instructions", "stream", "store"} & asked.json.keys()
    assert done["compaction"]["status"] == "completed"
    assert done["compaction"]["usage"]["output_tokens"] == 1
    assert done["sessions"][0]["head"] == done["compaction"]["response_id"]

    third = await hosted.call("generate", input="Three", session="s")
    body = up.posts()[-1].json
    assert [item.get("type", item.get("role")) for item in body["input"]] == ["user", "compaction", "user"]
    assert body["instructions"] == "Be brief."
    assert "previous_response_id" not in body
    await hosted.call("generate", input="Four", session="s")
    assert up.posts()[-1].json["previous_response_id"] == third["response_id"]


async def test_what_stayed_the_same_over_a_compaction_is_not_warned_of(hosted: House) -> None:
    same = {"session": "s", "instructions": "Be brief.", "tools": [{"type": "web_search"}]}
    await hosted.call("generate", input="One", **same)
    await hosted.call("sessions", action="compact", session="s")
    assert "warnings" not in await hosted.call("generate", input="Two", **same)


async def test_a_compaction_that_takes_long_detaches_like_any_call(up: StatefulUpstream, tmp_path: Path) -> None:
    given = told(tmp_path, **openai(up.base_url, RESPONSES_MCP_WAIT_SECONDS="0"))
    async with house(given) as served:
        job = await served.call("generate", input="One", session="s")
        await served.collect(job["job_id"])
        result = await served.result("sessions", action="compact", session="s")
        assert result.structured_content is not None
        handle = result.structured_content["compaction"]
        assert f"call poll with {handle['job_id']}" in text_of(result)
        assert (await served.collect(handle["job_id"]))["status"] == "completed"


async def test_a_replayed_session_is_compacted_from_its_items(hosted: House, up: StatefulUpstream) -> None:
    await hosted.call("generate", input="One", session="s", store=False)
    await hosted.call("generate", input="Two", session="s", store=False)
    up.forget((await hosted.call("sessions", action="get", session="s"))["sessions"][0]["head"])
    await hosted.call("sessions", action="compact", session="s")
    # The server's default is to store, so the turns are sent whole: upstream has none of them.
    assert [item["role"] for item in up.posts(COMPACT)[-1].json["input"]] == ["user", "assistant"] * 2


async def test_a_chain_that_is_gone_upstream_is_compacted_from_its_items(hosted: House, up: StatefulUpstream) -> None:
    first = await hosted.call("generate", input="One", session="s")
    up.forget(first["response_id"])
    done = await hosted.call("sessions", action="compact", session="s")
    assert done["compaction"]["warnings"][0].startswith("The upstream no longer had")
    assert len(up.posts(COMPACT)) == 2


async def test_what_cannot_be_compacted_leaves_the_session_as_it_was(hosted: House, up: StatefulUpstream) -> None:
    words, _ = await hosted.refused("sessions", action="compact", session="s")
    assert "There is no session 's'" in words
    first = await hosted.call("generate", input="One", session="s")
    up.on("POST", COMPACT, error(400, "Too short to compact."))
    words, _ = await hosted.refused("sessions", action="compact", session="s")
    assert '"Too short to compact."' in words
    shown = await hosted.call("sessions", action="get", session="s")
    assert shown["sessions"][0]["head"] == first["response_id"]


async def test_compaction_takes_its_turn_in_the_session(hosted: House, up: StatefulUpstream) -> None:
    up.say([function_call("weather", "{}")])
    await hosted.call("generate", input="One", session="s")
    await hosted.call("sessions", action="compact", session="s")
    shown = await hosted.call("sessions", action="get", session="s")
    assert [turn["tool"] for turn in shown["turns"]] == ["sessions"]
    assert shown["usage"]["requests"] == 2


async def test_a_summary_takes_the_place_of_what_it_sums_up(up: StatefulUpstream, tmp_path: Path) -> None:
    given = told(tmp_path, **openai(up.base_url, RESPONSES_MCP_BACKEND="compatible"))
    async with house(given) as served:
        await served.call("generate", input="One", session="s", instructions="Be brief.")
        await served.call("generate", input="Two", session="s")
        up.say("Facts: one and two.")
        await served.call("sessions", action="compact", session="s")
        asked = up.posts()[-1].json["input"]
        assert [item["role"] for item in asked] == ["user", "assistant"] * 2 + ["user"]
        assert all(word in asked[-1]["content"] for word in ("facts", "open questions", "constraints", "next actions"))
        await served.call("generate", input="Three", session="s")
        body = up.posts()[-1].json
        assert body["input"] == [
            {"role": "user", "content": "Summary of the conversation so far:\nFacts: one and two."},
            {"role": "user", "content": "Three"},
        ]
        assert body["instructions"] == "Be brief."


async def test_a_summary_that_is_cut_off_takes_nothings_place(up: StatefulUpstream, tmp_path: Path) -> None:
    given = told(tmp_path, **openai(up.base_url, RESPONSES_MCP_BACKEND="compatible"))
    async with house(given) as served:
        first = await served.call("generate", input="One", session="s")
        cut = response("Fac", status="incomplete", incomplete_details={"reason": "max_output_tokens"})
        up.on("POST", "/v1/responses", reply(cut))
        done = await served.result("sessions", action="compact", session="s")
        assert "Not compacted: incomplete" in text_of(done)
        shown = await served.call("sessions", action="get", session="s")
        assert shown["sessions"][0]["head"] == first["response_id"]


async def test_where_there_is_no_compaction_the_model_writes_a_summary(
    embedded: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "EMBEDDED_TOKENS", 40)
    await embedded.call("generate", input="My name is Ada.", session="s", max_output_tokens=16)
    done = await embedded.call("sessions", action="compact", session="s")
    summary = done["compaction"]
    assert summary["status"] in ("completed", "incomplete")
    assert summary["usage"]["output_tokens"] <= 40
    after = await embedded.call("generate", input="And now?", session="s", max_output_tokens=8)
    shown = await embedded.call("sessions", action="get", session="s")
    went_on = [turn["response_id"] for turn in shown["turns"]]
    assert went_on[-1] == after["response_id"]
    assert summary["response_id"] in went_on
