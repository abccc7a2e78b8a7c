"""One visit: what its checks share, and how they ask."""

import math
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from mcp_server.app import App
from mcp_server.backends.profile import Profile
from mcp_server.cleanup.choice import Choice
from mcp_server.cleanup.clean import Rooms, clean
from mcp_server.cleanup.report import Outcome
from mcp_server.doctor.report import Finding, good, odd
from mcp_server.errors import CallFailed, InternalError
from mcp_server.model.answer import Answer
from mcp_server.model.job import Job
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import JsonObject, Scope
from mcp_server.money.budget import Budget

OWNER = "doctor"
"""Whose rows all are that a visit makes, so that a caller's own things are never touched."""
USER = "local"
"""Whose budget a visit keeps to."""

ROOM = 512
"""Output tokens of one answer: a word or two, and what a model thinks before it says them."""
LITTLE_ROOM = 16
"""The same on the embedded engine, which does not think and is slow."""


LOOK_SECONDS = 0.2

NATIVE = {
    "chain": "previous_response_id",
    "stored": "kept responses",
    "background": "background",
    "conversations": "conversations",
    "files": "files",
    "vector_stores": "vector stores",
    "embeddings": "embeddings",
    "compact": "compaction",
    "input_tokens": "token counts",
    "prompt_cache_key": "cache keys",
    "images": "images",
    "pdf": "PDF",
    "documents": "Office files",
    "function_tools": "function tools",
}
"""Flags of a profile in a person's words."""


@dataclass(kw_only=True)
class Visit:
    """``folder`` takes the files that are sent, ``say`` is told what goes on while that takes long.

    ``listed`` are the models that the backend lists, each with the day of its end where that is told; ``answers`` are
    those so far that may be kept upstream.
    """

    app: App
    folder: Path
    say: Callable[[str], None]
    cache: bool = False
    name: str = field(default_factory=lambda: f"doctor-{secrets.token_hex(4)}")
    model: str | None = None
    listed: dict[str, date | None] | None = None
    answers: list[Answer] = field(default_factory=list[Answer])

    @property
    def scope(self) -> Scope:
        """The head of every key of what is made."""
        return self.app.scope(OWNER)

    @property
    def profile(self) -> Profile:
        """What the backend can do for the chosen model, as far as is known by now."""
        return self.app.backend.profile_for(self.model)

    @property
    def keeps(self) -> bool:
        """Whether responses are to be kept upstream."""
        return self.profile.stored and self.app.settings.store_responses

    @property
    def room(self) -> int:
        """How many tokens an answer may have."""
        return LITTLE_ROOM if self.profile.free else ROOM

    async def ask(self, text: str, **more: Any) -> Answer:
        """One turn on the path of the tools, to its end.

        Raises:
            CallFailed: it ended without an answer.
            ServerError: it could not be started; a budget is used up.
        """
        # Waited for and not run: cancelled, it must not lose the id under which it is deleted.
        answer = answer_of(await self.app.turns.wait(await self.begin(text, **more), math.inf))
        if more.get("store") is not False:
            self.answers.append(answer)
        return answer

    async def begin(self, text: str, **more: Any) -> Job:
        """Start it, and do not wait."""
        await self._afford()
        job, _ = await self.app.turns.start(self.scope, self._request(text, **more))
        return job

    async def named(self, job: Job) -> Job:
        """The job as soon as it has an id upstream, by which it can be stopped and deleted there, or has ended."""
        while not (job.ended or job.response_id):
            job = await self.app.turns.wait(job, LOOK_SECONDS)
        return job

    async def clean(self, choice: Choice, *, seconds: float) -> list[Outcome]:
        """Delete what was made, upstream and here, as the cleanup does it."""
        app = self.app
        rooms = Rooms(store=app.store, backend=app.backend, index=app.index, scope=self.scope)
        return await clean(rooms, choice, now=app.now(), dry_run=False, tell=_silently, seconds=seconds)

    def way(self, capability: str, native: str, instead: str, data: JsonObject | None = None) -> Finding:
        """How something was done: by the backend, or instead of it; to have expected otherwise is a warning."""
        if getattr(self.profile, capability):
            return good(native, data)
        if getattr(self.app.backend.observed.documented, capability):
            return odd(f"{instead}, because the backend turned out to be without {NATIVE[capability]}", data=data)
        return good(instead, data)

    def _request(self, text: str, *, room: int | None = None, **more: Any) -> TurnRequest:
        params: JsonObject = {"max_output_tokens": room or self.room}
        fields = {"tool": OWNER, "input": [{"role": "user", "content": text}], "params": params, "model": self.model}
        return TurnRequest.model_validate({**fields, **more})

    async def _afford(self) -> None:
        """Keep to the budget of whoever pays; the visit's own part is counted when the job is admitted."""
        app = self.app
        await Budget.of(app.settings, app.prices).check(
            app.store.spendings, app.scope(USER), model=self.model, session=None, now=app.now()
        )


def answer_of(job: Job) -> Answer:
    """The job's answer.

    Raises:
        CallFailed: it has none.
    """
    failure = job.failure or (job.answer.failure if job.answer else None)
    if failure or job.answer is None:
        raise CallFailed(failure or InternalError().failure(), job.id)
    return job.answer


async def _silently(done: int, total: int) -> None:
    del done, total


Looks = Callable[[Visit], Awaitable[Finding]]
"""One check. What it raises of ours becomes its finding."""
