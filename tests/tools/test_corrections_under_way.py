"""A backend that turns out to be another while work is under way: many calls at once, jobs begun before, repairs."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_server.errors import StoreError
from mcp_server.store.sqlite.objects import SqliteObjects
from mcp_server.turns.exchange import Exchange
from mcp_server.turns.layout import Plan
from tests.files.made import pdf
from tests.serving import House, house, openai, told
from tests.tools.test_corrections import ABSENT, SCHEMA, lacking
from tests.upstream import serving
from tests.upstream_answers import Request, error, reply, stream
from tests.upstream_shapes import response, text_events
from tests.upstream_state import StatefulUpstream, stateful

AT_ONCE = 6
OVER_FIVE = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 5}},
    "required": ["n"],
    "additionalProperties": False,
}


async def at_once(call: Callable[[int], Awaitable[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The results of some calls, none of which may fail."""
    results: list[dict[str, Any]] = []

    async def one(number: int) -> None:
        results.append(await call(number))

    async with anyio.create_task_group() as tasks:
        for number in range(AT_ONCE):
            tasks.start_soon(one, number)
    return results


# Many at once


async def test_calls_that_were_all_refused_before_the_first_of_them_learned_go_on_by_themselves(tmp_path: Path) -> None:
    words = "Unsupported parameter: 'prompt_cache_options' is not supported with this model."
    async with lacking(tmp_path, "prompt_cache_options", words) as (served, up):
        await at_once(lambda number: served.call("generate", input=str(number)))
        assert len(up.posts()) <= 2 * AT_ONCE


async def test_searches_go_to_the_embedded_index_together(hosted: House, up: StatefulUpstream, tmp_path: Path) -> None:
    (tmp_path / "files" / "a.txt").write_text("The harbour opens at six.")
    up.always("POST", "/v1/vector_stores", ABSENT)
    paths = [str(tmp_path / "files")]
    found = await at_once(lambda n: hosted.call("vector_search", store=f"s{n}", paths=paths, query="harbour"))
    assert all(one["results"] for one in found)


async def test_search_is_embedded_where_nothing_can_be_uploaded(
    hosted: House, up: StatefulUpstream, tmp_path: Path
) -> None:
    (tmp_path / "files" / "a.txt").write_text("The harbour opens at six.")
    up.always("POST", "/v1/files", ABSENT)
    found = await hosted.call("vector_search", store="s", paths=[str(tmp_path / "files")], query="harbour")
    assert found["results"]


async def test_files_go_inline_together(hosted: House, up: StatefulUpstream, tmp_path: Path) -> None:
    for number in range(AT_ONCE):
        (tmp_path / "files" / f"{number}.pdf").write_bytes(pdf(str(number)))
    up.always("POST", "/v1/files", ABSENT)
    files = [str(tmp_path / "files" / f"{number}.pdf") for number in range(AT_ONCE)]
    answers = await at_once(lambda number: hosted.call("file_ask", question="What?", files=[files[number]]))
    assert [file["sent_as"] for answer in answers for file in answer["files"]] == ["inline"] * AT_ONCE


# What is counted and told


async def test_an_error_counts_the_requests_that_were_refused_before_it(tmp_path: Path) -> None:
    class Refusing(StatefulUpstream):
        def otherwise(self, request: Request) -> Any:
            named = next((name for name in ("metadata", "prompt_cache_options") if name in request.json), None)
            return error(400, f"Unknown parameter: '{named}'.", param=named) if named else error(400, "No.")

    async with serving(Refusing()) as up, house(told(tmp_path, **openai(up.base_url))) as served:
        _, about = await served.refused("generate", input="Hi", options={"metadata": {"a": "b"}})
        assert (about["attempts"], len(up.posts())) == (3, 3)


async def test_what_a_caller_wants_in_spite_of_a_refusal_is_not_asked_for_again_and_again(tmp_path: Path) -> None:
    async with lacking(tmp_path, "include", "Encrypted content is not supported.") as (served, up):
        for _ in range(2):
            await served.refused("generate", input="Hi", options={"include": ["reasoning.encrypted_content"]})
        assert len(up.posts()) == 3


async def test_an_error_counts_the_request_that_continued_what_was_forgotten(
    hosted: House, up: StatefulUpstream
) -> None:
    first = await hosted.call("generate", input="One", session="s")
    up.forget(first["response_id"])
    refusals = [error(400, "No.", param="previous_response_id", code="previous_response_not_found"), error(400, "No.")]
    up.on("POST", "/v1/responses", *refusals)
    _, about = await hosted.refused("generate", input="Two", session="s")
    assert about["attempts"] == 2


# Background work


async def test_work_begun_upstream_is_stopped_there_also_when_the_next_could_not_begin(tmp_path: Path) -> None:
    class Fickle(StatefulUpstream):
        tired = False

        def otherwise(self, request: Request) -> Any:
            if self.tired and request.path == "/v1/responses" and request.json.get("background"):
                return error(400, "The background parameter is not supported.")
            return super().otherwise(request)

    async with serving(Fickle()) as up, house(told(tmp_path, **openai(up.base_url))) as served:
        up.pause = asyncio.Event()
        begun = await served.call("start_background", input="Long", wait_seconds=0)
        await up.arrived(1)
        up.tired = True
        other = await served.call("start_background", input="Other")
        await up.arrived(3)
        (ended,) = (await served.call("cancel", ids=[begun["job_id"]]))["jobs"]
        assert ended["status"] == "cancelled"
        assert [request.path.rpartition("/")[2] for request in up.requests].count("cancel") == 1
        up.pause.set()
        assert (await served.collect(other["job_id"]))["status"] == "completed"


async def test_work_that_runs_in_the_foreground_is_stopped_by_hanging_up(tmp_path: Path) -> None:
    async with stateful() as up, house(told(tmp_path, **openai(up.base_url))) as served:
        first, *rest = text_events("Done.")
        up.on("POST", "/v1/responses", stream([first, asyncio.Event(), *rest], echoes=False))
        begun = await served.call("start_background", input="Long")
        with anyio.fail_after(20):
            while served.app.backend.profile.background:
                await served.call("poll", ids=[begun["job_id"]], wait_seconds=1)
        (ended,) = (await served.call("cancel", ids=[begun["job_id"]]))["jobs"]
        assert ended["status"] == "cancelled"
        with anyio.fail_after(20):
            await up.posts()[0].abandoned.wait()
        assert len(up.requests) == 1


async def test_background_work_that_continues_nothing_is_heard_to_its_end_and_booked(tmp_path: Path) -> None:
    async with stateful() as up, house(told(tmp_path, **openai(up.base_url))) as served:
        await served.call("generate", input="One", session="s")
        alone = [
            {**event, "response": {**event["response"], "background": True}} if "response" in event else event
            for event in text_events("Who are you?")
        ]
        up.on("POST", "/v1/responses", stream(alone, echoes=False))
        job = await served.collect((await served.call("start_background", input="Two", session="s"))["job_id"])
        assert job["result"]["text"] == "Turn 2: Two"
        assert (await served.app.store.spendings.total(served.app.scope("local"))).requests == 3


async def test_work_that_was_refused_is_stopped_between_two_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out, plan = asyncio.Event(), Exchange.plan
    plans = 0

    async def slow(exchange: Exchange) -> Plan:
        nonlocal plans
        plans += 1
        if plans == 2:
            laid_out.set()
            await asyncio.Event().wait()
        return await plan(exchange)

    monkeypatch.setattr(Exchange, "plan", slow)
    async with lacking(tmp_path, "metadata", "Unknown parameter: 'metadata'.") as (served, up):
        begun = await served.call("start_background", input="Long", options={"metadata": {"a": "b"}})
        await laid_out.wait()
        (ended,) = (await served.call("cancel", ids=[begun["job_id"]]))["jobs"]
        assert ended["status"] == "cancelled"
        assert len(up.requests) == 1


# Repairs and files


async def test_a_repair_that_meets_a_refused_chain_is_sent_with_what_came_before(tmp_path: Path) -> None:
    words = "previous_response_id is not supported with this model."
    async with lacking(tmp_path, "previous_response_id", words) as (served, up):
        up.say('{"n": 1}', '{"n": 7}', '{"n": 1}', '{"n": 7}')
        for _ in range(2):
            answer = await served.call("structured_extract", input="One", schema=OVER_FIVE)
            assert (answer["outcome"], answer["data"]) == ("ok", {"n": 7})
        assert len(up.posts()) == 5


async def test_a_repair_is_not_chained_to_an_answer_that_was_not_kept(tmp_path: Path) -> None:
    async with lacking(tmp_path, "store", "store=true is not supported with this model.") as (served, up):
        up.say('{"n": 1}', '{"n": 7}')
        answer = await served.call("structured_extract", input="One", schema=OVER_FIVE)
        assert answer["outcome"] == "ok"
        assert len(up.posts()) == 3


async def test_a_file_goes_as_text_where_one_model_takes_no_files(tmp_path: Path) -> None:
    class NoFiles(StatefulUpstream):
        def otherwise(self, request: Request) -> Any:
            if request.path == "/v1/responses" and b"input_file" in request.content:
                return error(400, "This model does not support file inputs.")
            return super().otherwise(request)

    async with serving(NoFiles()) as up, house(told(tmp_path, **openai(up.base_url))) as served:
        (tmp_path / "files" / "a.pdf").write_bytes(pdf("The answer is 42."))
        answer = await served.call("file_ask", question="What?", files=[str(tmp_path / "files" / "a.pdf")])
        assert [file["sent_as"] for file in answer["files"]] == ["text"]


# The store


async def test_no_answer_is_lost_for_an_observation_that_cannot_be_written_down(
    hosted: House, up: StatefulUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise StoreError("The disk is full.")

    await hosted.call("generate", input="One", session="s")
    monkeypatch.setattr(SqliteObjects, "put", full)
    up.on("POST", "/v1/responses", reply(response("Who are you?", id="resp_alone"), echoes=False))
    answer = await hosted.call("generate", input="Two", session="s", wait_seconds=20)
    assert (answer["status"], answer["text"]) == ("completed", "Turn 2: Two")
    up.say("no JSON", '{"n": 1}')
    assert (await hosted.call("structured_extract", input="n", schema=SCHEMA, wait_seconds=20))["outcome"] == "ok"
