"""A stopped job ends upstream too, with what it has cost by then, and its end is the true one."""

import asyncio
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from mcp_server.model.job import Job
from mcp_server.turns import exchange
from tests.turns.desk import SCOPE, Desk, asking, opened
from tests.upstream_answers import Answer, error, reply, reset, stream
from tests.upstream_shapes import response, text_events, usage
from tests.upstream_state import StatefulUpstream

LONG = asking("Long work.", background=True)
ONE = "/v1/responses/resp_1"


def as_it_is(**more: Any) -> Answer:
    return reply(response(**{"id": "resp_1", "background": True, "output": [], **more}))


async def running(desk: Desk, *cancelled: Answer) -> tuple[Job, asyncio.Event]:
    """A background job amid its stream, and what the upstream says when it is told to stop; the event lets it go on."""
    going_on = asyncio.Event()
    first, *rest = text_events("All of it.", id="resp_1")
    desk.up.on("POST", "/v1/responses", stream([first, going_on, *rest]))
    desk.up.on("POST", f"{ONE}/cancel", *cancelled)
    job, _ = await desk.turns.start(SCOPE, LONG)
    await named(desk, job)
    return job, going_on


async def named(desk: Desk, job: Job) -> None:
    with anyio.fail_after(20):
        while (await desk.store.jobs.find(SCOPE, [job.id]))[0].response_id is None:
            await anyio.lowlevel.checkpoint()


async def stop(desk: Desk, job: Job) -> Job:
    with anyio.fail_after(20):
        (stopped,) = await desk.turns.cancel(SCOPE, [job], 15)
    return stopped


async def test_what_a_cancelled_response_has_cost_is_waited_for(desk: Desk) -> None:
    job, _ = await running(desk, as_it_is(status="in_progress", usage=None))
    late = as_it_is(status="cancelled", usage=None), as_it_is(status="cancelled", usage=usage(40, 7))
    desk.up.on("GET", ONE, *late)
    stopped = await stop(desk, job)
    assert stopped.answer is not None
    assert stopped.answer.usage is not None
    assert (stopped.status, stopped.answer.usage.input_tokens, stopped.answer.usage.output_tokens) == (
        "cancelled",
        40,
        7,
    )
    assert (await desk.store.spendings.total(SCOPE)).usage.total_tokens == 47


async def test_a_cost_that_never_settles_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_server.turns.recover.USAGE_SECONDS", 0.1)
    job, _ = await running(desk, as_it_is(status="cancelled", usage=None))
    desk.up.always("GET", ONE, as_it_is(status="cancelled", usage=None))
    assert (await stop(desk, job)).status == "cancelled"


async def test_a_response_that_was_faster_than_its_cancellation_is_not_thrown_away(desk: Desk) -> None:
    whole = response("All of it.", id="resp_1", background=True)
    job, going_on = await running(desk, reply(whole))
    desk.up.on("GET", ONE, error(400, "not streamed"), reply(whole))
    stopped = await stop(desk, job)
    assert stopped.answer is not None
    assert (stopped.status, stopped.answer.text) == ("completed", "All of it.")
    assert [turn.response_id for turn in await desk.store.sessions.made(SCOPE)] == ["resp_1"]
    going_on.set()


async def test_an_upstream_that_cannot_be_told_is_told_again(desk: Desk) -> None:
    cancelled = as_it_is(status="cancelled", usage=usage(3, 1))
    job, _ = await running(desk, error(401, "wrong key"), reset(), error(503), cancelled)
    assert (await stop(desk, job)).status == "cancelled"
    assert len(desk.up.posts(f"{ONE}/cancel")) == 4


async def test_a_cancellation_that_is_refused_leaves_the_job_to_its_end(desk: Desk) -> None:
    job, _ = await running(desk, error(405, "no such thing"))
    desk.up.on("GET", ONE, as_it_is(status="in_progress"), reply(response("All of it.", id="resp_1")))
    desk.up.always("GET", ONE, reply(response("All of it.", id="resp_1")))
    stopped = await stop(desk, job)
    assert stopped.answer is not None
    assert (stopped.status, stopped.answer.text) == ("completed", "All of it.")


async def test_a_response_that_is_gone_when_it_is_to_be_stopped_is_unknown(desk: Desk) -> None:
    job, _ = await running(desk, error(404, "not found"))
    stopped = await stop(desk, job)
    assert stopped.failure is not None
    assert (stopped.status, stopped.failure.code) == ("unknown", "expired")


async def test_a_job_whose_response_has_no_id_yet_is_stopped_as_soon_as_it_has_one(desk: Desk) -> None:
    accepted = asyncio.Event()
    desk.up.on("POST", "/v1/responses", stream([accepted, *text_events("x", id="resp_1")[:1]], ends="silence"))
    desk.up.on("POST", f"{ONE}/cancel", as_it_is(status="cancelled", usage=usage(3, 1)))
    job, _ = await desk.turns.start(SCOPE, LONG)
    await desk.up.arrived(1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop, desk, job)
        while not (await desk.store.jobs.find(SCOPE, [job.id]))[0].cancel_requested:
            await anyio.lowlevel.checkpoint()
        accepted.set()
    assert (await desk.ended(job)).status == "cancelled"
    assert [request.path for request in desk.up.requests] == ["/v1/responses", f"{ONE}/cancel"]


async def test_a_job_that_waits_for_its_turn_is_stopped_without_a_word_upstream(desk: Desk) -> None:
    desk.up.pause = asyncio.Event()
    first, _ = await desk.turns.start(SCOPE, asking("One", session="s", background=True))
    await desk.up.arrived(1)
    second, _ = await desk.turns.start(SCOPE, asking("Two", session="s", background=True))
    assert (await stop(desk, second)).status == "cancelled"
    desk.up.pause.set()
    assert (await desk.ended(first)).status == "completed"
    assert len(desk.up.requests) == 1


@pytest.mark.parametrize("still", [True, False], ids=["as ever", "where none could begin by now"])
async def test_what_a_dead_process_was_to_stop_is_stopped_by_the_next(desk: Desk, still: bool) -> None:
    if not still:
        await desk.turns._ground.backend.observed.note("background", False, "It was refused.")
    desk.up.on("POST", f"{ONE}/cancel", as_it_is(status="cancelled", usage=usage(3, 1)))
    job = await desk.left_behind(request=LONG, sent=True, response_id="resp_1")
    await desk.store.jobs.ask_cancel(SCOPE, job.id)
    await desk.turns.look_after()
    assert (await desk.ended(job)).status == "cancelled"
    assert [request.path for request in desk.up.requests] == [f"{ONE}/cancel"]


async def test_what_a_dead_process_was_to_stop_and_never_sent_is_never_sent(desk: Desk) -> None:
    job = await desk.left_behind(request=LONG)
    await desk.store.jobs.ask_cancel(SCOPE, job.id)
    await desk.turns.look_after()
    assert (await desk.ended(job)).status == "cancelled"
    assert desk.up.requests == []


async def test_a_shutdown_while_the_upstream_is_told_leaves_that_to_the_next(
    tmp_path: Path, up: StatefulUpstream
) -> None:
    async with opened(tmp_path / "s.db", up) as one:
        job, _ = await running(one, error(503), error(503))
        one.up.always("POST", f"{ONE}/cancel", error(503))
        (asked,) = await one.turns.cancel(SCOPE, [job], 0)
        assert (asked.status, asked.cancel_requested) == ("in_progress", True)
        await up.arrived(3)
    up.always("POST", f"{ONE}/cancel", as_it_is(status="cancelled", usage=usage(3, 1)))
    async with opened(tmp_path / "s.db", up) as two:
        await two.turns.look_after()
        assert (await two.ended(job)).status == "cancelled"


async def test_many_jobs_are_stopped_side_by_side(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_server.turns.recover.USAGE_SECONDS", 0.1)
    desk.up.pause = asyncio.Event()
    jobs = [(await desk.turns.start(SCOPE, asking(f"Work {number}", background=True)))[0] for number in range(20)]
    for job in jobs:
        await named(desk, job)
    with anyio.fail_after(20):
        stopped = await desk.turns.cancel(SCOPE, jobs, 15)
    assert {job.status for job in stopped} == {"cancelled"}


async def test_a_response_that_only_says_it_will_stop_is_not_said_to_be_stopped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_server.turns.recover.USAGE_SECONDS", 0.1)
    job, _ = await running(desk, as_it_is(status="in_progress"))
    desk.up.always("GET", ONE, as_it_is(status="in_progress"))
    (asked,) = await desk.turns.cancel(SCOPE, [job], 1)
    assert asked.status == "in_progress"
    desk.up.always("GET", ONE, as_it_is(status="cancelled", usage=usage(3, 1)))
    ended = await desk.ended(asked)
    assert (ended.status, (await desk.store.spendings.total(SCOPE)).usage.total_tokens) == ("cancelled", 4)


async def test_a_response_that_had_failed_before_it_was_to_be_stopped_has_failed(desk: Desk) -> None:
    failed = as_it_is(status="failed", error={"code": "server_error", "message": "Broken."}, usage=usage(3, 1))
    job, _ = await running(desk, failed)
    desk.up.on("GET", ONE, error(400, "not streamed"), failed)
    desk.up.always("GET", ONE, failed)
    stopped = await stop(desk, job)
    assert stopped.failure is not None
    assert (stopped.status, stopped.failure.code) == ("failed", "upstream_unavailable")


async def test_a_shutdown_before_a_stopped_response_has_an_id_does_not_say_that_it_is_stopped(
    tmp_path: Path, up: StatefulUpstream
) -> None:
    async with opened(tmp_path / "s.db", up) as one:
        up.on("POST", "/v1/responses", stream([], ends="silence"))
        job, _ = await one.turns.start(SCOPE, LONG)
        await up.arrived(1)
        await one.turns.cancel(SCOPE, [job], 0)
    async with opened(tmp_path / "s.db", up) as two:
        (ended,) = await two.store.jobs.find(SCOPE, [job.id])
    assert ended.failure is not None
    assert (ended.status, ended.failure.outcome) == ("unknown", "unknown")


async def test_an_answer_that_is_stopped_while_it_is_put_away_is_paid_for_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = anyio.Event()
    as_ever = exchange.with_files

    async def slow(*given: Any) -> Any:
        if not reached.is_set():
            reached.set()
            await anyio.sleep_forever()
        return await as_ever(*given)

    monkeypatch.setattr(exchange, "with_files", slow)
    whole = response("All of it.", id="resp_1", background=True, usage=usage(40, 7))
    job, going_on = await running(desk, reply(whole))
    desk.up.on("GET", ONE, error(400, "not streamed"), reply(whole))
    going_on.set()
    with anyio.fail_after(20):
        await reached.wait()
    assert (await stop(desk, job)).status == "completed"
    assert (await desk.store.spendings.total(SCOPE)).usage.total_tokens == 47
