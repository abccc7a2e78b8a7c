"""A host starts a server per window: two processes on one store, each job made by one of them and known to both."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from mcp_server.turns.ground import LEASE_SECONDS
from tests.crash.paced import PacedUpstream
from tests.crash.work import ENDED, Shown
from tests.serving import openai, text_of
from tests.transports.nursery import Forked, Nursery, spoken
from tests.transports.process import variables
from tests.upstream import serving

"""How often a server looks for jobs whose lease has run out."""


@dataclass
class Pair:
    """Two servers, each with a client, and the upstream that both talk to."""

    up: PacedUpstream
    clients: tuple[Client, Client]
    processes: tuple[Forked, Forked]

    async def start(self, place: int, number: int, **more: Any) -> str:
        """Ask a question at one of the two; returns the job's id."""
        asked = {"input": f"Question {number}: what is there to be said of this?", **more}
        return (await self.call(place, "start_background", **asked))["job_id"]

    async def call(self, place: int, tool: str, **arguments: Any) -> Shown:
        """Call a tool of one of the two, which must succeed."""
        with anyio.fail_after(60):
            result = await self.clients[place].call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        return result.structured_content

    async def ended(self, place: int) -> list[Shown]:
        """All jobs as one of the two shows them, once they have ended."""
        with anyio.fail_after(60):
            while True:
                jobs = (await self.call(place, "poll", wait_seconds=5))["jobs"]
                if all(job["status"] in ENDED for job in jobs):
                    return jobs

    async def told(self, events: int) -> None:
        """Return when the upstream has told so many events."""
        enough = asyncio.Event()
        seen = 0

        def count(moment: str) -> None:
            nonlocal seen
            seen += moment in ("created", "told")
            if seen >= events:
                enough.set()

        self.up.at = count
        with anyio.fail_after(30):
            await enough.wait()


@pytest.fixture
async def pair(servers: Nursery, tmp_path: Path) -> AsyncGenerator[Pair]:
    async with serving(PacedUpstream(random.Random(5))) as up, AsyncExitStack() as stack:
        environment = variables(tmp_path, RESPONSES_MCP_LOG_LEVEL="error", **openai(up.base_url))
        one, two = [await stack.enter_async_context(servers.forked(environment)) for _ in range(2)]
        clients = await stack.enter_async_context(spoken(one)), await stack.enter_async_context(spoken(two, "legacy"))
        yield Pair(up, clients, (one, two))


async def test_each_job_is_made_once_and_both_tell_the_same_of_all(pair: Pair) -> None:
    for number in range(12):
        await pair.start(number % 2, number)
    first, second = await pair.ended(0), await pair.ended(1)
    assert first == second
    assert [job["status"] for job in first] == ["completed"] * 12
    assert pair.up.paid == {(number, 0): 1 for number in range(12)}


async def test_a_job_that_the_other_makes_shows_how_far_it_is(pair: Pair) -> None:
    pair.up.seconds = 4, 4
    job_id = await pair.start(0, 1)
    text = ""
    with anyio.fail_after(20):
        while not text:
            (job,) = (await pair.call(1, "poll", ids=[job_id], wait_seconds=0.5))["jobs"]
            assert job["status"] in ("queued", "in_progress"), "it ended before anything was told of it"
            text = job.get("progress", {}).get("text_so_far", "")
    assert "Turn 1: Question 1: what is there to be said of this?".startswith(text)


async def test_a_job_that_the_other_makes_can_be_stopped(pair: Pair) -> None:
    pair.up.seconds = 60, 60
    job_id = await pair.start(0, 1)
    await pair.told(1)
    (stopped,) = (await pair.call(1, "cancel", ids=[job_id]))["jobs"]
    assert (stopped["status"], stopped["usage"]["total_tokens"]) == ("cancelled", 10)
    assert [response["status"] for response in pair.up.responses.values()] == ["cancelled"]
    assert [job["status"] for job in await pair.ended(0)] == ["cancelled"]
    assert pair.up.paid == {(1, 0): 1}


async def test_the_jobs_of_a_session_started_from_both_are_made_in_the_order_of_their_start(pair: Pair) -> None:
    pair.up.seconds = 0.05, 0.2
    for number in range(8):
        await pair.start(number % 2, number, session="s")
    jobs = await pair.ended(1)
    said = [job["result"]["text"] for job in jobs]
    assert [text.partition(": what")[0] for text in said] == [f"Turn {n + 1}: Question {n}" for n in range(8)]
    assert list(pair.up.paid.items()) == [((number, 0), 1) for number in range(8)]


async def test_when_one_is_killed_the_other_ends_its_jobs_within_the_lease(pair: Pair) -> None:
    pair.up.seconds = 0.5, 0.5
    jobs = [await pair.start(0, number, session="s") for number in range(3)]
    await pair.told(4)
    pair.processes[0].kill()
    killed = time.monotonic()
    moments: list[float] = []
    pair.up.at = lambda moment: moments.append(time.monotonic()) if moment in ("asked", "posted") else None
    ended = await pair.ended(1)
    taken_over = moments[0] - killed
    print(f"taken over after {taken_over:.1f} s")
    assert [(job["job_id"], job["status"]) for job in ended] == [(job_id, "completed") for job_id in jobs]
    assert pair.up.paid == {(number, 0): 1 for number in range(3)}
    assert taken_over < LEASE_SECONDS + 1
