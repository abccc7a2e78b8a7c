"""What becomes of jobs whose process is gone: nothing is lost, and nothing is sent twice."""

import asyncio
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_server.backends.responses.profiles import OPENAI
from mcp_server.errors import ServerError
from mcp_server.model.request import Extraction
from mcp_server.turns.past import look_back
from tests.turns.desk import SCOPE, Desk, asking, opened
from tests.upstream_answers import Answer, error, reply, stream, web_page
from tests.upstream_shapes import response, text_events
from tests.upstream_state import StatefulUpstream, stateful


async def test_a_job_that_was_never_sent_is_sent_now(desk: Desk) -> None:
    job = await desk.left_behind()
    await desk.turns.look_after()
    done = await desk.ended(job)
    assert done.status == "completed"
    assert len(desk.up.posts()) == 1


async def test_a_claimed_job_that_was_never_sent_is_sent_now(desk: Desk) -> None:
    job = await desk.left_behind(sent=False)
    await desk.turns.look_after()
    assert (await desk.ended(job)).status == "completed"


async def test_a_job_whose_response_is_known_is_asked_about_and_not_sent_again(desk: Desk) -> None:
    desk.up.on(
        "GET",
        "/v1/responses/resp_1",
        reply(response(id="resp_1", status="in_progress", output=[])),
        reply(response("Done meanwhile.", id="resp_1")),
    )
    job = await desk.left_behind(sent=True, response_id="resp_1", request=asking("Hello", session="s"))
    await desk.turns.look_after()
    done = await desk.ended(job)
    assert done.status == "completed"
    assert done.answer is not None
    assert done.answer.text == "Done meanwhile."
    assert desk.up.posts() == []
    session = await desk.store.sessions.get(SCOPE, "s")
    assert session is not None
    assert session.head == "resp_1"


async def test_an_extraction_that_is_recovered_is_read_against_its_schema(desk: Desk) -> None:
    desk.up.on("GET", "/v1/responses/resp_1", reply(response('{"a": 1}', id="resp_1")))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    request = asking("Hello", extraction=Extraction(json_schema=schema))
    job = await desk.left_behind(sent=True, response_id="resp_1", request=request)
    await desk.turns.look_after()
    done = await desk.ended(job)
    assert done.answer is not None
    assert done.answer.extracted is not None
    assert done.answer.extracted.data == {"a": 1}


async def test_an_answer_about_a_file_that_is_gone_since_is_not_lost(desk: Desk, tmp_path: Path) -> None:
    desk.up.on("GET", "/v1/responses/resp_1", reply(response("Under the mat.", id="resp_1")))
    gone = str(tmp_path / "gone.txt")
    request = asking("Where is the key?", files=[gone], roots=[tmp_path], session="s")
    job = await desk.left_behind(sent=True, response_id="resp_1", request=request)
    await desk.turns.look_after()
    done = await desk.ended(job)
    assert done.answer is not None
    assert done.answer.text == "Under the mat."
    (warning,) = done.answer.warnings
    assert "gone.txt does not exist" in warning
    (turn,) = await desk.store.sessions.turns(SCOPE, "resp_1")
    assert "[" + gone + ": left out]" in str(turn.input)


async def test_a_job_that_may_have_been_sent_is_unknown_and_says_so(desk: Desk) -> None:
    job = await desk.left_behind(sent=True)
    await desk.turns.look_after()
    done = await desk.ended(job)
    assert done.status == "unknown"
    assert done.failure is not None
    assert done.failure.outcome == "unknown"
    assert "not sent again" in done.failure.message
    assert desk.up.posts() == []


async def test_a_response_that_is_gone_upstream_is_told(desk: Desk) -> None:
    desk.up.on("GET", "/v1/responses/resp_1", error(404, "not found"))
    job = await desk.left_behind(sent=True, response_id="resp_1")
    await desk.turns.look_after()
    ended = await desk.ended(job)
    assert ended.failure is not None
    assert (ended.status, ended.failure.code, ended.failure.http_status) == ("unknown", "expired", 404)
    assert "was not sent again" in ended.failure.message


@pytest.mark.parametrize("trouble", [error(401, "wrong key"), error(500), web_page()])
async def test_a_response_that_cannot_be_asked_about_for_now_is_asked_about_again(desk: Desk, trouble: Answer) -> None:
    desk.up.on("GET", "/v1/responses/resp_1", trouble, trouble, reply(response("Found.", id="resp_1")))
    job = await desk.left_behind(request=asking("Hi", background=True), sent=True, response_id="resp_1", cursor=3)
    desk.up.on("GET", "/v1/responses/resp_1", trouble)
    await desk.turns.look_after()
    ended = await desk.ended(job)
    assert ended.answer is not None
    assert (ended.status, ended.answer.text) == ("completed", "Found.")


async def test_an_upstream_that_wishes_for_no_pause_is_not_asked_without_one(desk: Desk) -> None:
    desk.up.always("GET", "/v1/responses/resp_1", error(503, headers={"retry-after": "0"}))
    job = await desk.left_behind(sent=True, response_id="resp_1")
    await desk.turns.look_after()
    with anyio.fail_after(20):
        await desk.up.arrived(1)
    assert not (await desk.turns.wait(job, 0.5)).ended
    assert len(desk.up.requests) < 15


async def test_a_response_that_never_ends_is_unknown_when_the_patience_is_over(desk: Desk) -> None:
    desk.up.always("GET", "/v1/responses/resp_1", reply(response(id="resp_1", status="in_progress", output=[])))
    job = await desk.left_behind(sent=True, response_id="resp_1")
    await desk.turns.look_after()
    await desk.up.arrived(1)
    desk.time[0] += 10
    done = await desk.ended(job)
    assert done.status == "unknown"


async def test_where_running_twice_costs_nothing_it_simply_runs_again(tmp_path: Path) -> None:
    async with stateful() as up, opened(tmp_path / "s.db", up, OPENAI.model_copy(update={"free": True})) as desk:
        job = await desk.left_behind(sent=True, response_id="resp_1")
        await desk.turns.look_after()
        assert (await desk.ended(job)).status == "completed"
        assert len(up.posts()) == 1


async def test_the_job_of_a_living_process_stays_with_it(desk: Desk) -> None:
    desk.time[0] = 940
    await desk.left_behind(sent=True)
    await desk.turns.look_after()
    (job,) = await desk.store.jobs.find(SCOPE, ["job_left"])
    assert job.worker == "gone"
    assert job.status == "in_progress"


async def test_a_stream_that_breaks_off_is_asked_about(desk: Desk) -> None:
    events = text_events("Hello", id="resp_9")
    desk.up.on("POST", "/v1/responses", stream(events[:3], ends="reset"))
    desk.up.on("GET", "/v1/responses/resp_9", reply(response("Hello, whole.", id="resp_9")))
    job, _ = await desk.turns.start(SCOPE, asking("Hi"))
    done = await desk.ended(job)
    assert done.answer is not None
    assert done.answer.text == "Hello, whole."
    assert len(desk.up.posts()) == 1


async def test_a_stream_that_breaks_off_where_nothing_is_kept_is_unknown(desk: Desk) -> None:
    desk.up.on("POST", "/v1/responses", stream(text_events("Hello")[:3], ends="reset"))
    job, _ = await desk.turns.start(SCOPE, asking("Hi", store=False))
    done = await desk.ended(job)
    assert done.status == "unknown"
    assert done.failure is not None
    assert done.failure.code == "connection_lost"


async def test_what_was_only_accepted_where_nothing_is_kept_is_unknown_and_not_asked_about(desk: Desk) -> None:
    desk.up.on("POST", "/v1/responses", reply(response(id="resp_1", status="queued", output=[])))
    job, _ = await desk.turns.start(SCOPE, asking("Hi", store=False))
    done = await desk.ended(job)
    assert done.failure is not None
    assert (done.status, done.failure.code) == ("unknown", "interrupted")
    assert len(desk.up.requests) == 1


async def test_the_jobs_of_a_session_run_one_after_another_in_their_order(desk: Desk) -> None:
    desk.up.pause = asyncio.Event()
    first, _ = await desk.turns.start(SCOPE, asking("one", session="s"))
    second, _ = await desk.turns.start(SCOPE, asking("two", session="s"))
    other, _ = await desk.turns.start(SCOPE, asking("elsewhere", session="t"))
    await desk.up.arrived(2)
    # Of two sessions either may be first; the second job of one waits.
    assert {post.json["input"][0]["content"] for post in desk.up.posts()} == {"one", "elsewhere"}
    desk.up.pause.set()
    for job in (first, second, other):
        assert (await desk.ended(job)).status == "completed"
    assert desk.up.posts()[2].json["previous_response_id"] is not None


async def test_another_process_can_stop_a_job(desk: Desk) -> None:
    desk.up.pause = asyncio.Event()
    job, _ = await desk.turns.start(SCOPE, asking("one"))
    await desk.up.arrived(1)
    await desk.store.jobs.ask_cancel(SCOPE, job.id)
    await desk.turns.look_after()
    assert (await desk.ended(job)).status == "cancelled"
    desk.up.pause.set()


async def test_a_job_that_another_process_runs_can_be_waited_for_and_stopped(tmp_path: Path) -> None:
    async with stateful() as up, opened(tmp_path / "s.db", up) as one, opened(tmp_path / "s.db", up) as two:
        up.pause = asyncio.Event()
        job, new = await one.turns.start(SCOPE, asking("Hi", request_key="k"))
        same, again = await two.turns.start(SCOPE, asking("Hi", request_key="k"))
        assert (job.id, new, again) == (same.id, True, False)
        await up.arrived(1)
        up.pause.set()
        assert (await two.ended(same)).status == "completed"
        up.pause = asyncio.Event()
        slow, _ = await one.turns.start(SCOPE, asking("Slow"))
        await up.arrived(2)
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(two.turns.cancel, SCOPE, [slow])
                while not (await one.store.jobs.find(SCOPE, [slow.id]))[0].cancel_requested:
                    await anyio.lowlevel.checkpoint()
                await one.turns.look_after()
        assert (await two.store.jobs.find(SCOPE, [slow.id]))[0].status == "cancelled"
        up.pause.set()


async def test_what_a_dead_process_left_is_taken_over_by_one_of_those_who_find_it(tmp_path: Path) -> None:
    async with stateful() as up, opened(tmp_path / "s.db", up) as one, opened(tmp_path / "s.db", up) as two:
        up.pause = asyncio.Event()
        job = await one.left_behind()
        await one.turns.look_after()
        await two.turns.look_after()
        assert (one.turns.progress(job) is None, two.turns.progress(job) is None) == (False, True)
        await up.arrived(1)
        up.pause.set()
        assert (await two.ended(job)).status == "completed"
        assert len(up.posts()) == 1


async def test_a_process_that_was_silent_for_too_long_sends_nothing_again_and_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep, awake = anyio.Event(), anyio.Event()

    async def asleep_once(*given: Any) -> Any:
        if not asleep.is_set():
            asleep.set()
            await awake.wait()
        return await look_back(*given)

    monkeypatch.setattr("mcp_server.turns.exchange.look_back", asleep_once)
    async with stateful() as up, opened(tmp_path / "s.db", up) as one, opened(tmp_path / "s.db", up) as two:
        jobs = [(await one.turns.start(SCOPE, asking(text, session="s")))[0] for text in ("one", "two")]
        with anyio.fail_after(30):
            await asleep.wait()
        two.time[0] += 60
        up.pause = asyncio.Event()
        await two.turns.look_after()
        await up.arrived(1)
        awake.set()
        assert (await one.ended(jobs[0])).status == "in_progress"
        up.pause.set()
        assert [(await two.ended(job)).status for job in jobs] == ["completed"] * 2
        assert [(await one.ended(job)).status for job in jobs] == ["completed"] * 2
        assert [one.turns.progress(job) for job in jobs] == [None, None]
        assert len(up.posts()) == 2


async def test_a_bug_in_one_job_is_told_and_the_others_go_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("mcp_server.turns.exchange.lay_out", broken)
        job, _ = await desk.turns.start(SCOPE, asking("Hi"))
        failed = await desk.ended(job)
    assert failed.failure is not None
    assert failed.failure.code == "internal"
    assert "a bug" not in failed.failure.message
    job, _ = await desk.turns.start(SCOPE, asking("Hi"))
    assert (await desk.ended(job)).status == "completed"


async def test_a_parameter_the_backend_refuses_is_told_before_anything_is_admitted(tmp_path: Path) -> None:
    narrow = OPENAI.model_copy(update={"refused": frozenset({"truncation"}), "function_tools": False})
    async with stateful() as up, opened(tmp_path / "s.db", up, narrow) as desk:
        for params, words in (
            ({"truncation": "auto"}, "options.truncation"),
            ({"tools": [{"type": "function", "name": "f"}]}, "function tools"),
            ({"tools": [{"type": "teleport"}]}, "'teleport'"),
        ):
            with pytest.raises(ServerError, match=words):
                await desk.turns.start(SCOPE, asking("Hi", params=params))
        assert await desk.store.jobs.recent(SCOPE, 0) == []


async def test_a_past_that_nobody_knows_cannot_be_replayed(tmp_path: Path, up: StatefulUpstream) -> None:
    profile = OPENAI.model_copy(update={"chain": False})
    async with opened(tmp_path / "store.db", up, profile) as desk:
        job, _ = await desk.turns.start(SCOPE, asking("Hi", previous_response_id="resp_unheard"))
        done = await desk.ended(job)
    assert done.failure is not None
    assert done.failure.code == "not_found"
    assert up.posts() == []
