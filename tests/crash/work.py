"""Forty questions of every kind, and a caller who asks them of one server after another, whatever becomes of each."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, MCPError
from mcp.types import CallToolResult

from tests.crash.paced import SCHEMA

JOBS = 40
ENDED = ("completed", "incomplete", "failed", "cancelled", "unknown")
ERROR = "responses-mcp/error"
GONE = (MCPError, anyio.ClosedResourceError, anyio.BrokenResourceError)
"""What a call raises when its server is killed."""

Shown = dict[str, Any]
"""A job as ``poll`` shows it."""


@dataclass
class Question:
    """One call. ``key`` None: it cannot be asked again. ``known`` is the id that an acknowledgement has named."""

    number: int
    tool: str
    arguments: dict[str, Any]
    key: str | None
    asked: bool = False
    known: str | None = None

    @property
    def open(self) -> bool:
        """True while asking is right: never asked before, or its acknowledgement was lost and it has a key."""
        return not self.asked or (self.known is None and self.key is not None)


def questions(folder: Path) -> list[Question]:
    """All of them; their files are put into ``folder``."""
    (folder / "notes.txt").write_text("Maya has the key.", "utf-8")
    (folder / "paper.md").write_text("# Lease\n\nThe notice period is thirty days.", "utf-8")
    kinds: list[dict[str, Any]] = [
        {},
        {"session": "one"},
        {"schema": SCHEMA},
        {},
        {"files": ["notes.txt"]},
        {"wait_seconds": 0.1},
        {"session": "two", "schema": SCHEMA},
        {"files": ["paper.md"]},
        {"session": "one"},
        {"wait_seconds": 0.3, "session": "two"},
    ]
    return [_question(number, kinds[number % len(kinds)]) for number in range(JOBS)]


def _question(number: int, more: dict[str, Any]) -> Question:
    key = f"key-{number}" if number % 8 else None
    asked = {"input": f"Question {number}: what is there to be said of this, and of that?", **more}
    tool = "generate" if "wait_seconds" in more else "start_background"
    return Question(number, tool, asked if key is None else {**asked, "request_key": key}, key)


@dataclass
class Caller:
    """Asks, polls and remembers.

    ``at`` is told of each poll that was answered; ``ended`` are the jobs as they were first seen to have ended.
    """

    chance: random.Random
    questions: list[Question]
    ended: dict[str, Shown] = field(default_factory=dict)
    at: Callable[[None], None] = lambda _: None

    async def ask(self, client: Client, question: Question) -> None:
        """Make the call; what it acknowledges is what the server has to answer for from now on."""
        question.asked = True
        result = await client.call_tool(question.tool, question.arguments)
        question.known = _acknowledged(result)

    async def poll(self, client: Client, wait_seconds: float) -> list[Shown]:
        """All jobs, none of those acknowledged missing and none that has ended changed."""
        result = await client.call_tool("poll", {"wait_seconds": wait_seconds})
        assert not result.is_error, result.content
        assert result.structured_content is not None
        jobs: list[Shown] = result.structured_content["jobs"]
        self.at(None)
        there = {job["job_id"] for job in jobs} | {job.get("result", {}).get("response_id") for job in jobs}
        for job in jobs:
            if job["status"] in ENDED:
                first = self.ended.setdefault(job["job_id"], job)
                assert job == first
        assert self._acknowledged_before <= there, "an acknowledged job is lost"
        return jobs

    async def live(self, client: Client, questions: list[Question]) -> None:
        """Ask those, at moments of their own, and poll until the server is gone."""
        async with anyio.create_task_group() as tasks:
            for question in questions:
                tasks.start_soon(self._soon, client, question)
            with suppress(*GONE):
                while True:
                    self._acknowledged_before = self.acknowledged
                    await self.poll(client, 0.2)

    async def _soon(self, client: Client, question: Question) -> None:
        await anyio.sleep(self.chance.uniform(0, 0.1))
        with suppress(*GONE):
            await self.ask(client, question)

    @property
    def acknowledged(self) -> set[str]:
        """Ids of everything that was acknowledged."""
        return {question.known for question in self.questions if question.known}

    _acknowledged_before: set[str] = field(default_factory=set)


def _acknowledged(result: CallToolResult) -> str:
    given = result.structured_content or (result.meta or {})[ERROR]
    return given.get("job_id") or given["response_id"]
