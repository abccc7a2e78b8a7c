"""The store fails or loses a row in the middle of a job: what was paid for is not lost, and nothing stalls."""

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from mcp_server.backends.profile import Profile
from mcp_server.errors import StoreError
from mcp_server.model.job import Job
from mcp_server.store.sqlite.jobs import SqliteJobs
from tests.turns.desk import SCOPE, Desk, asking, opened
from tests.upstream_answers import stream
from tests.upstream_shapes import text_events
from tests.upstream_state import StatefulUpstream

FULL = StoreError("The disk is full; make room.")


class Trouble:
    """Makes methods of the jobs' store fail, and counts how often they did."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.met = 0
        self._patch = patch

    def begin(self, *names: str) -> None:
        async def broken(*_: Any, **__: Any) -> Any:
            self.met += 1
            raise FULL

        for name in names:
            self._patch.setattr(SqliteJobs, name, broken)

    async def end_after(self, times: int) -> None:
        with anyio.fail_after(20):
            while self.met < times:
                await anyio.lowlevel.checkpoint()
        self._patch.undo()


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Generator[Trouble]:
    monkeypatch.setattr("mcp_server.turns.run.FIRST_PAUSE", 0.01)
    with pytest.MonkeyPatch.context() as patch:
        yield Trouble(patch)


async def known(desk: Desk, job: Job) -> Job:
    (found,) = await desk.store.jobs.find(SCOPE, [job.id])
    return found


async def let_go(desk: Desk, job: Job) -> None:
    with anyio.fail_after(20):
        while desk.turns.progress(job):
            await anyio.lowlevel.checkpoint()


async def test_an_answer_that_could_not_be_written_down_is_written_down_later(
    tmp_path: Path, up: StatefulUpstream, trouble: Trouble
) -> None:
    async with opened(tmp_path / "s.db", up, Profile()) as desk:
        trouble.begin("settle")
        job, _ = await desk.turns.start(SCOPE, asking("Hi", session="s"))
        other, _ = await desk.turns.start(SCOPE, asking("And?"))
        await trouble.end_after(4)
        done = [await desk.ended(job), await desk.ended(other)]
        assert [one.status for one in done] == ["completed"] * 2
        assert len(up.requests) == 2
        assert await desk.store.sessions.get(SCOPE, "s") is not None


async def test_an_answer_that_could_not_be_written_down_is_at_a_shutdown(
    tmp_path: Path, up: StatefulUpstream, trouble: Trouble
) -> None:
    async with opened(tmp_path / "s.db", up, Profile()) as desk:
        trouble.begin("settle")
        job, _ = await desk.turns.start(SCOPE, asking("Hi"))
        await trouble.end_after(1)
    async with opened(tmp_path / "s.db", up, Profile()) as desk:
        assert (await known(desk, job)).status == "completed"


async def test_a_job_goes_on_when_it_cannot_be_written_down_how_far_it_is(desk: Desk, trouble: Trouble) -> None:
    going_on = asyncio.Event()
    first, *rest = text_events("All of it.", id="resp_1")
    desk.up.on("POST", "/v1/responses", stream([going_on, first, *rest]))
    job, _ = await desk.turns.start(SCOPE, asking("Hi", background=True))
    await desk.up.arrived(1)
    trouble.begin("note")
    going_on.set()
    done = await desk.ended(job)
    assert trouble.met
    assert (done.status, done.answer and done.answer.text) == ("completed", "All of it.")


async def test_an_id_that_could_not_be_written_down_is_with_what_comes_next(desk: Desk, trouble: Trouble) -> None:
    named, going_on, whole = asyncio.Event(), asyncio.Event(), asyncio.Event()
    first, *rest = text_events("All of it.", id="resp_1")
    desk.up.on("POST", "/v1/responses", stream([named, first, going_on, *rest[:-1], whole, rest[-1]]))
    job, _ = await desk.turns.start(SCOPE, asking("Hi", background=True))
    await desk.up.arrived(1)
    trouble.begin("note")
    named.set()
    await trouble.end_after(1)
    going_on.set()
    with anyio.fail_after(20):
        while (await known(desk, job)).response_id is None:
            await anyio.lowlevel.checkpoint()
    row = await known(desk, job)
    assert (row.response_id, row.sent, row.heard) == ("resp_1", 1, 1)
    whole.set()
    assert (await desk.ended(job)).status == "completed"


async def test_a_job_whose_row_is_gone_ends_no_other(desk: Desk) -> None:
    desk.up.pause = asyncio.Event()
    job, _ = await desk.turns.start(SCOPE, asking("Hi"))
    other, _ = await desk.turns.start(SCOPE, asking("And?"))
    await desk.up.arrived(2)
    # Another process had taken it over while this one was asleep, and its end was cleaned up.
    await desk.store.jobs.settle(job.id, "unknown", answer=None, failure=None)
    assert await desk.store.jobs.delete(SCOPE, [job.id]) == 1
    desk.up.pause.set()
    assert (await desk.ended(other)).status == "completed"
    await let_go(desk, job)
    later, _ = await desk.turns.start(SCOPE, asking("Still there?"))
    assert (await desk.ended(later)).status == "completed"


async def test_a_caller_who_leaves_while_its_job_is_admitted_leaves_none_behind(desk: Desk) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.turns.run, SCOPE, asking("Hi", session="s"), 20)
        while not await desk.store.jobs.recent(SCOPE, 0):
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    with anyio.fail_after(20):
        while [job for job in await desk.store.jobs.recent(SCOPE, 0) if not job.ended]:
            await anyio.lowlevel.checkpoint()
    later, _ = await desk.turns.start(SCOPE, asking("Next.", session="s"))
    assert (await desk.ended(later)).status == "completed"


async def test_a_job_that_could_not_be_let_go_of_is_not_held_for_ever(desk: Desk, trouble: Trouble) -> None:
    desk.up.pause = asyncio.Event()
    busy, _ = await desk.turns.start(SCOPE, asking("Long."))
    await desk.up.arrived(1)
    trouble.begin("note", "release")
    job, _ = await desk.turns.start(SCOPE, asking("Hi"))
    await let_go(desk, job)
    await trouble.end_after(2)
    for _ in range(4):
        desk.time[0] += 3
        await desk.turns.look_after()
    with anyio.fail_after(20):
        await desk.up.arrived(2)
    desk.up.pause.set()
    assert (await desk.ended(job)).status == "completed"
    assert (await desk.ended(busy)).status == "completed"
    assert len(desk.up.posts()) == 2
