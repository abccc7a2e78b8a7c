import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp.types import TextContent

from mcp_server.model.answer import Answer
from mcp_server.model.job import Job, Progress
from mcp_server.model.request import TurnRequest
from tests.serving import House, both_eras, house, openai, text_of, told
from tests.upstream_answers import error, stream
from tests.upstream_shapes import text_events
from tests.upstream_state import StatefulUpstream


@both_eras
async def test_a_call_that_takes_longer_than_the_wait_detaches_and_is_collected(
    hosted: House, up: StatefulUpstream
) -> None:
    up.pause = asyncio.Event()
    up.say("Worth waiting for.")
    detached = await hosted.call("generate", input="Slow, please.", wait_seconds=0.2)
    assert detached["status"] == "in_progress"
    events = 0
    while not events:
        (job,) = (await hosted.call("poll", wait_seconds=0.1))["jobs"]
        assert job["job_id"] == detached["job_id"]
        assert job["status"] == "in_progress"
        assert job["poll_after_seconds"] > 0
        events = job["progress"]["events"]
    up.pause.set()
    (done,) = (await hosted.call("poll", ids=[detached["job_id"]], wait_seconds=20))["jobs"]
    assert done["result"]["text"] == "Worth waiting for."
    assert len(up.posts()) == 1


async def test_a_job_is_found_under_its_response_id_too(hosted: House) -> None:
    done = await hosted.call("generate", input="Hi")
    polled = await hosted.call("poll", ids=[done["response_id"], "job_nobodys"])
    assert polled["jobs"][0]["result"]["text"] == done["text"]
    assert polled["not_found"] == ["job_nobodys"]


async def test_a_failed_job_says_why(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", error(401, "bad key", code="invalid_api_key"))
    await hosted.refused("generate", input="Hi")
    result = await hosted.result("poll")
    assert result.structured_content is not None
    (job,) = result.structured_content["jobs"]
    assert job["status"] == "failed"
    assert job["error"]["code"] == "auth"
    assert job["error"]["message"] in result.content[0].text  # type: ignore[union-attr]


async def test_without_jobs_there_is_nothing_to_wait_for(hosted: House) -> None:
    result = await hosted.result("poll", wait_seconds=600)
    assert result.structured_content == {"jobs": []}
    assert result.content[0].text == "No jobs."  # type: ignore[union-attr]


@pytest.mark.engine
async def test_a_running_job_of_the_embedded_engine_shows_its_text_so_far(embedded: House) -> None:
    # The grammar does not let it end early, whatever the model would like.
    long = {"type": "array", "items": {"type": "integer"}, "minItems": 900, "maxItems": 1000}
    job = await embedded.call("start_background", input="Count.", schema=long)
    progress: dict[str, object] = {}
    while not progress.get("text_so_far"):
        (seen,) = (await embedded.call("poll", ids=[job["job_id"]], wait_seconds=0.5))["jobs"]
        assert seen["status"] in ("queued", "in_progress")
        progress = seen.get("progress", {})
    await embedded.call("cancel", ids=[job["job_id"]])


async def test_what_had_arrived_before_a_stream_broke_off_is_not_lost(up: StatefulUpstream, tmp_path: Path) -> None:
    begun = text_events("Half of an answer")
    up.on("POST", "/v1/responses", stream(begun[: len(begun) // 2 + 1], ends="reset"))
    # A server that keeps nothing cannot be asked how it ended.
    async with house(told(tmp_path, OPENAI_BASE_URL=up.base_url, RESPONSES_MCP_MODEL="llama")) as served:
        result = await served.result("generate", input="Hi")
        assert result.is_error
        assert result.structured_content is None
        sentence, arrived = [block.text for block in result.content if isinstance(block, TextContent)]
        assert "Half" not in sentence
        assert arrived.startswith("What had arrived before that:\n\nHalf")
        polled = await served.result("poll")
    assert polled.structured_content is not None
    (job,) = polled.structured_content["jobs"]
    assert job["status"] == job["result"]["status"] == "unknown"
    assert job["error"]["message"] == sentence
    assert job["result"]["text"] == arrived.partition("\n\n")[2]
    assert f"{sentence}\n{arrived}" in text_of(polled)


async def test_a_failure_before_the_first_word_has_nothing_to_show(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", error(401, "bad key", code="invalid_api_key"))
    result = await hosted.result("generate", input="Hi")
    assert len(result.content) == 1
    (job,) = (await hosted.call("poll"))["jobs"]
    assert "result" not in job


async def test_a_thousand_jobs_are_shown_with_one_query(
    tmp_path: Path, up: StatefulUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    connect = sqlite3.connect

    def traced(*given: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*given, **more)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr("sqlite3.connect", traced)
    async with house(told(tmp_path, **openai(up.base_url))) as served:
        jobs = await many(served, 1_000)
        for wanted in ({}, {"ids": [job.id for job in jobs]}, {"ids": [f"resp_{number}" for number in range(1_000)]}):
            asked.clear()
            polled = await served.call("poll", **wanted)
            assert [job["job_id"] for job in polled["jobs"]] == [job.id for job in jobs]
            assert len([one for one in asked if "SELECT *" in one and "jobs" in one]) == 1


async def test_what_does_not_fit_into_one_poll_is_there_for_a_poll_of_its_own(hosted: House) -> None:
    first, second, third = await many(hosted, 3, text="word " * 12_000)
    result = await hosted.result("poll")
    assert result.structured_content is not None
    shown = result.structured_content["jobs"]
    assert ["result" in job for job in shown] == [False, False, True]
    assert [job["job_id"] for job in shown] == [first.id, second.id, third.id]
    assert shown[0]["result_omitted"].endswith("poll this id alone")
    assert f"{first.id}: completed after" in text_of(result)
    assert len(text_of(result)) < 70_000
    (alone,) = (await hosted.call("poll", ids=[first.id]))["jobs"]
    assert len(alone["result"]["text"]) > 59_000


async def test_a_single_result_is_shown_however_long_it_is(hosted: House) -> None:
    (job,) = await many(hosted, 1, text="word " * 30_000)
    (alone,) = (await hosted.call("poll", ids=[job.id]))["jobs"]
    assert alone["result"]["truncated"]


async def test_a_job_that_is_to_be_stopped_says_so(hosted: House, up: StatefulUpstream) -> None:
    up.pause = asyncio.Event()
    job = await hosted.call("start_background", input="Long work.")
    await up.arrived(1)
    await hosted.app.store.jobs.ask_cancel(hosted.app.scope("local"), job["job_id"])
    (polled,) = (await hosted.call("poll", ids=[job["job_id"]]))["jobs"]
    assert polled["progress"]["activity"] == "stopping"
    up.pause.set()


async def test_a_long_text_that_is_being_written_is_shown_by_its_end(hosted: House, up: StatefulUpstream) -> None:
    going_on = asyncio.Event()
    events = text_events("word " * 3_000 + "End", id="resp_1")
    up.on("POST", "/v1/responses", stream([*events[:-4], going_on, *events[-4:]]))
    job = await hosted.call("start_background", input="Write.")
    written, polled = "", dict[str, Any]()
    with anyio.fail_after(20):
        while not written.endswith("End"):
            (polled,) = (await hosted.call("poll", ids=[job["job_id"]]))["jobs"]
            written = polled["progress"].get("text_so_far", "")
    assert (len(written), written[0], polled["response_id"]) == (4_001, "\u2026", "resp_1")
    going_on.set()


async def test_a_poll_waits_for_an_end_and_tells_meanwhile_how_it_goes(hosted: House, up: StatefulUpstream) -> None:
    up.pause = asyncio.Event()
    jobs = [(await hosted.call("start_background", input=f"Work {number}."))["job_id"] for number in range(2)]
    hosted.progress.clear()

    async def go_on(pause: asyncio.Event) -> None:
        while not hosted.progress:
            await anyio.lowlevel.checkpoint()
        pause.set()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(go_on, up.pause)
            polled = (await hosted.call("poll", ids=jobs, wait_seconds=300))["jobs"]
            assert "completed" in {job["status"] for job in polled}


async def test_many_that_run_are_lean_too(hosted: House) -> None:
    words = Progress(events=9, text_so_far="word " * 2_000, reasoning_summary="why " * 2_000, steps=["searched"] * 50)
    store, scope, now = hosted.app.store, hosted.app.scope("local"), time.time()
    request = TurnRequest(tool="generate", input=[{"role": "user", "content": "Hi"}])
    for one in range(30):
        job = Job(id=f"job_{one}", scope=scope, tool="generate", fingerprint="f", created_at=now, updated_at=now)
        # As if another process ran them.
        await store.jobs.admit(job.model_copy(update={"worker": "w", "lease_until": now + 600}), request)
        await store.jobs.note(job.id, progress=words)
    result = await hosted.result("poll")
    assert result.structured_content is not None
    shown = result.structured_content["jobs"]
    assert len(shown[-1]["progress"]["reasoning_summary"]) == len(shown[-1]["progress"]["text_so_far"]) == 4_001
    assert "progress" not in shown[0]
    assert shown[0]["progress_omitted"].endswith("poll this id alone")
    assert "job_0: queued after" in text_of(result)
    assert text_of(result).count("poll this id alone") == sum("progress_omitted" in job for job in shown) > 10
    assert len(text_of(result)) < 120_000


async def test_an_empty_list_of_ids_is_refused_and_not_answered_with_no_jobs(hosted: House) -> None:
    words, _ = await hosted.refused("poll", ids=[])
    assert words == "ids: it must not be empty."


async def many(served: House, number: int, text: str = "Done.") -> list[Job]:
    """So many jobs of the caller that have ended."""
    store, scope, now = served.app.store, served.app.scope("local"), time.time()
    request = TurnRequest(tool="generate", input=[{"role": "user", "content": "Hi"}])
    ended: dict[int, Job] = {}

    async def end(one: int) -> None:
        job = Job(id=f"job_{one}", scope=scope, tool="generate", fingerprint="f", created_at=now, updated_at=now)
        await store.jobs.admit(job, request)
        answer = Answer(status="completed", text=text, response_id=f"resp_{one}")
        ended[one] = await store.jobs.settle(job.id, "completed", answer=answer, failure=None)

    async with anyio.create_task_group() as tasks:
        for one in range(number):
            tasks.start_soon(end, one)
    return sorted(ended.values(), key=lambda job: job.seq)
