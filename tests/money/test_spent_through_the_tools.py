"""Budgets and the ledger as a caller meets them."""

import asyncio
import json
from pathlib import Path

import anyio

from tests.serving import House, house, openai, told
from tests.upstream_answers import reply
from tests.upstream_shapes import response, usage
from tests.upstream_state import StatefulUpstream


async def spent_today(served: House) -> dict[str, object]:
    read = await served.client.read_resource("usage://today")
    return json.loads(read.contents[0].text)  # type: ignore[union-attr]


async def test_a_daily_budget_stops_new_calls_but_gives_again_what_was_paid(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    given = told(tmp_path, **openai(up.base_url, RESPONSES_MCP_DAILY_BUDGET_USD="0.00001"))
    async with house(given) as served:
        first = await served.call("generate", input="Hi there", request_key="k")
        assert first["usage"]["cost_usd"] > 0.00001
        words, about = await served.refused("generate", input="More")
        assert about["code"] == "budget"
        assert words.startswith("The daily budget of $0.00 is used up")
        assert "RESPONSES_MCP_DAILY_BUDGET_USD" in words
        again = await served.call("generate", input="Hi there", request_key="k")
        assert again["response_id"] == first["response_id"]
        assert (await served.call("poll"))["jobs"]
    assert len(up.posts()) == 1


async def test_a_session_budget_stops_that_session_alone(up: StatefulUpstream, tmp_path: Path) -> None:
    given = told(tmp_path, **openai(up.base_url, RESPONSES_MCP_SESSION_BUDGET_USD="0.00001"))
    async with house(given) as served:
        await served.call("generate", input="Hi there", session="s")
        words, about = await served.refused("generate", input="More", session="s")
        assert about["code"] == "budget"
        assert "session 's'" in words
        await served.call("generate", input="More", session="t")
        await served.call("generate", input="More")


async def test_a_model_without_a_price_is_refused_while_there_is_a_budget(up: StatefulUpstream, tmp_path: Path) -> None:
    given = told(tmp_path, **openai(up.base_url, RESPONSES_MCP_DAILY_BUDGET_USD="5"))
    async with house(given) as served:
        words, about = await served.refused("generate", input="Hi", model="acme-1")
        assert about["code"] == "configuration"
        assert "'acme-1' has no known price" in words
        (tmp_path / "prices.toml").write_text("[[prices]]\n[prices.models]\nacme-1 = {input = 1.0, output = 2.0}\n")
    async with house(told(tmp_path, **openai(up.base_url, RESPONSES_MCP_DAILY_BUDGET_USD="5"))) as served:
        done = await served.call("generate", input="one two three", model="acme-1")
    assert done["usage"]["cost_usd"] == (3 * 1.0 + done["usage"]["output_tokens"] * 2.0) / 1e6


async def test_a_price_file_that_cannot_be_read_is_told_before_anything_is_paid(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    (tmp_path / "prices.toml").write_text("[[prices]\n")
    async with house(told(tmp_path, **openai(up.base_url))) as served:
        words, _ = await served.refused("generate", input="Hi")
    assert str(tmp_path / "prices.toml") in words
    assert up.posts() == []


async def test_what_a_cancelled_background_job_used_is_in_the_ledger(hosted: House, up: StatefulUpstream) -> None:
    up.pause = asyncio.Event()
    job = await hosted.call("start_background", input="Long.")
    with anyio.fail_after(20):
        while not (await hosted.call("poll", ids=[job["job_id"]]))["jobs"][0].get("progress", {}).get("events"):
            pass
    response_id = next(iter(up.responses))
    final = response(status="cancelled", id=response_id, background=True, usage=usage(100, 7), model="gpt-5.6-sol")
    up.on("POST", f"/v1/responses/{response_id}/cancel", reply(final))
    await hosted.call("cancel", ids=[job["job_id"]])
    assert (await hosted.collect(job["job_id"]))["status"] == "cancelled"
    today = await spent_today(hosted)
    assert (today["requests"], today["input_tokens"], today["output_tokens"]) == (1, 100, 7)
    up.pause.set()


async def test_every_try_of_an_extraction_is_a_line_of_the_ledger(hosted: House, up: StatefulUpstream) -> None:
    up.say('{"n": "x"}', '{"n": 1}')
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    done = await hosted.call("structured_extract", input="n is 1", schema=schema)
    today = await spent_today(hosted)
    assert (today["requests"], done["attempts"]) == (2, 2)
    assert today["cost_usd"] == done["usage"]["cost_usd"]
