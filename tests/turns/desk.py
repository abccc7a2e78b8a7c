"""One process's turns on a store, without a server around them and with a clock of the test's."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from mcp_server.backends.profile import Profile
from mcp_server.backends.responses.access import KeyAccess
from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.profiles import OPENAI
from mcp_server.model.job import Job
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import Scope
from mcp_server.money.budget import Budget
from mcp_server.money.prices import Prices
from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite
from mcp_server.turns.ground import Ground
from mcp_server.turns.models import DefaultModel
from mcp_server.turns.turns import Turns
from tests.upstream_state import StatefulUpstream

SCOPE = Scope(owner="local", backend="openai")


@dataclass
class Desk:
    """A process. ``time`` is its clock."""

    turns: Turns
    store: Store
    up: StatefulUpstream
    time: list[float] = field(default_factory=lambda: [1_000.0])

    async def left_behind(self, **known: Any) -> Job:
        """A job of a process that is gone, as far as ``known`` says it had come."""
        request = known.pop("request", None) or asking("Hello")
        job = Job(
            id="job_left",
            scope=SCOPE,
            tool=request.tool,
            session=request.session,
            background=request.background,
            fingerprint="f",
            created_at=900,
            updated_at=900,
            worker="gone",
            lease_until=950,
        )
        admitted = await self.store.jobs.admit(job, request)
        if known:
            assert await self.store.jobs.claim(job.id, "gone", 950)
            await self.store.jobs.note(job.id, **known)
        return admitted

    async def ended(self, job: Job) -> Job:
        with anyio.fail_after(30):
            return await self.turns.wait(job, 30)


def asking(text: str, **more: Any) -> TurnRequest:
    return TurnRequest(tool="generate", input=[{"role": "user", "content": text}], **more)


@asynccontextmanager
async def opened(path: Path, up: StatefulUpstream, profile: Profile = OPENAI) -> AsyncGenerator[Desk]:
    store = await open_sqlite(path)
    backend = ResponsesBackend(
        "openai",
        profile,
        access=KeyAccess.to(up.base_url, "sk-test-0123456789"),
        model="gpt-5.6-sol",
        embedding_model=None,
        timeout_seconds=20,
        max_retries=0,
    )
    time = [1_000.0]
    try:
        async with anyio.create_task_group() as tasks:
            ground = Ground(
                store=store,
                backend=backend,
                worker=f"worker-{id(store)}",
                models=DefaultModel(backend, "gpt-5.6-sol"),
                costs=Prices(),
                budget=Budget(daily=None, per_session=None, prices=Prices(), home=path.parent),
                first_pause=0.01,
                timeout_seconds=5,
                now=lambda: time[0],
            )
            yield Desk(Turns(ground, tasks), store, up, time)
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await backend.close()
            await store.close()
