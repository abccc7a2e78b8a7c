"""A server that is killed again and again: no job is lost, none is paid twice, and each ends as it truly did."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from mcp import Client

from tests.crash.paced import Moment, PacedUpstream
from tests.crash.truth import check_each, check_store
from tests.crash.work import ENDED, GONE, JOBS, Caller, Question, Shown, questions
from tests.serving import Era, openai
from tests.transports.nursery import LEASE, Forked, Nursery, spoken
from tests.transports.process import variables
from tests.upstream import serving

KILLS = 34
"""Of each upstream's server: a hundred in all."""
SEED = 20261122
LEASE_SECONDS = 0.5
SOON = 3.0
"""Seconds after which the id of a response is certainly durable, also on a busy machine."""
ERAS: tuple[Era, ...] = ("auto", "legacy")


@dataclass(frozen=True)
class Shape:
    """An upstream of one kind; a server is killed after at most so many ``moments`` there, or ``polls`` answered."""

    backend: str = "openai"
    keeps: bool = True
    resumes: bool = True
    moments: int = 60
    polls: int = 3


SHAPES = {
    "resumed": Shape(),
    "polled": Shape(resumes=False),
    "stateless": Shape(backend="compatible", keeps=False, moments=150, polls=8),
}


@dataclass
class Killer:
    """Kills each server at some moment of its life. ``nameless`` are the questions whose answers' ids it took away."""

    up: PacedUpstream
    chance: random.Random
    shape: Shape
    nameless: set[int] = field(default_factory=set)

    async def kill(self, process: Forked, caller: Caller) -> None:
        """Wait for the moment: so many things have come to pass. One in ten comes while the server starts."""
        if self.chance.random() < 0.1:
            await anyio.sleep(self.chance.uniform(0, 0.1))
            return self._strike(process)
        shape, enough = self.shape, anyio.Event()
        left, exactly = self.chance.randrange(shape.moments), self.chance.random() < 0.5

        def came(moment: Moment | None) -> None:
            # A server that has nothing to do answers polls, and shall not live long.
            nonlocal left
            left -= 1 if moment else shape.moments // shape.polls
            if left < 0:
                enough.set()
                if exactly:
                    self._strike(process)

        self.up.at = caller.at = came
        with anyio.fail_after(60):
            await enough.wait()
        await anyio.sleep(self.chance.uniform(0, 0.03))
        return self._strike(process)

    def _strike(self, process: Forked) -> None:
        if not process.killed:
            self.nameless |= self.up.nameless(SOON)
            process.kill()


@pytest.mark.long
async def test_kills_at_random_moments_lose_nothing_pay_nothing_twice_and_tell_no_lie(
    servers: Nursery, tmp_path: Path
) -> None:
    print(f"seed {SEED}")
    async with anyio.create_task_group() as tasks:
        for name, shape in SHAPES.items():
            tasks.start_soon(killed_again_and_again, name, shape, servers, tmp_path / name)


async def killed_again_and_again(name: str, shape: Shape, servers: Nursery, home: Path) -> None:
    """Forty jobs of one upstream, and the server that has to see to them."""
    chance = random.Random(SEED)
    (home / "files").mkdir(parents=True)
    caller = Caller(chance, questions(home / "files"))
    begin = sorted(chance.randrange(KILLS - 4) for _ in range(JOBS))
    async with serving(PacedUpstream(chance, keeps=shape.keeps, resumes=shape.resumes)) as up:
        killer = Killer(up, chance, shape)
        environment = variables(
            home,
            RESPONSES_MCP_LOG_LEVEL="error",
            RESPONSES_MCP_ALLOWED_ROOTS=str(home / "files"),
            **openai(up.base_url, RESPONSES_MCP_BACKEND=shape.backend),
            **{LEASE: str(LEASE_SECONDS)},
        )
        for life in range(KILLS):
            due = [one for one, at in zip(caller.questions, begin, strict=True) if at <= life and one.open]
            await lived(servers, environment, killer, caller, due)
        async with servers.forked(environment) as process, spoken(process) as client:
            jobs = await finished(client, caller)
        by_status = check_each(up, caller, jobs)
        unknown = numbers(caller, by_status["unknown"])
        never_left = unknown - {number for number, _ in up.paid}
        print(f"{name}: {JOBS - len(unknown)} completed, {len(unknown)} unknown, {len(never_left)} of them never sent")
        assert not shape.keeps or unknown - never_left <= killer.nameless
        # Lives are far shorter than any real one, and shorter still on a busy machine.
        assert len(by_status["completed"]) >= (JOBS // 3 if shape.keeps else 2)
    await check_store(home, shape.backend, by_status, asked=shape.keeps)


async def lived(
    servers: Nursery, environment: dict[str, str], killer: Killer, caller: Caller, due: list[Question]
) -> None:
    """One life of the server."""
    era = caller.chance.choice(ERAS)
    async with servers.forked(environment) as process, anyio.create_task_group() as tasks:
        tasks.start_soon(killer.kill, process, caller)
        try:
            async with spoken(process, era) as client:
                await caller.live(client, due)
        except* GONE:
            tasks.cancel_scope.cancel()


async def finished(client: Client, caller: Caller) -> list[Shown]:
    """What the last server, which is left alone, says of all jobs when they have ended."""
    with anyio.fail_after(60):
        for question in caller.questions:
            if question.open:
                await caller.ask(client, question)
        jobs = await caller.poll(client, 0)
        while not all(job["status"] in ENDED for job in jobs):
            jobs = await caller.poll(client, 5)
    asked = await client.call_tool("poll", {"ids": sorted(caller.acknowledged)})
    assert asked.structured_content is not None
    assert "not_found" not in asked.structured_content
    return jobs


def numbers(caller: Caller, jobs: list[Shown]) -> set[int]:
    """The questions of these jobs, as far as their acknowledgement came through."""
    ids = {job["job_id"] for job in jobs}
    return {question.number for question in caller.questions if question.known in ids}
