"""Rows to put in: as small as they can be, with what a test is about handed in."""

from typing import Any

from mcp_server.model.answer import Usage
from mcp_server.model.document import Chunk, IndexedFile
from mcp_server.model.job import Job
from mcp_server.model.request import TurnRequest
from mcp_server.model.session import KeptObject, Session, Turn
from mcp_server.model.spending import Spending
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

MINE = Scope(owner="ann", backend="openai")
OTHERS = (Scope(owner="bob", backend="openai"), Scope(owner="ann", backend="local"))
"""The same names of another owner, and on another backend."""

LATER = 4e9


HI = TurnRequest(tool="generate", input=[{"role": "user", "content": "hi"}])


def a_job(job_id: str = "job_1", *, scope: Scope = MINE, key: str | None = None, **more: Any) -> Job:
    values = {"created_at": 100.0, "updated_at": 100.0, "tool": "generate", "fingerprint": "f", **more}
    return Job(id=job_id, scope=scope, request_key=key, **values)


async def admit(store: Store, job_id: str = "job_1", **more: Any) -> Job:
    """A job comes into the store with what it is to send."""
    return await store.jobs.admit(a_job(job_id, **more), HI)


def a_turn(response_id: str = "resp_1", *, scope: Scope = MINE, **more: Any) -> Turn:
    values = {"input": [{"role": "user"}], "output": [{"type": "message"}], "created_at": 100.0, **more}
    return Turn(scope=scope, response_id=response_id, status="completed", **values)


def a_session(name: str = "s", *, scope: Scope = MINE, **more: Any) -> Session:
    return Session(scope=scope, name=name, **{"created_at": 100.0, "updated_at": 100.0, **more})


def a_line(at: float = 100.0, *, scope: Scope = MINE, **more: Any) -> Spending:
    """A request of 10 tokens in and 5 out for 25 cents."""
    usage = Usage(input_tokens=10, output_tokens=5, total_tokens=15, cost_usd=0.25, saved_usd=0.125)
    return Spending(scope=scope, at=at, **{"job_id": "job_1", "tool": "generate", "usage": usage, **more})


def an_object(key: str = "k", *, scope: Scope = MINE, **more: Any) -> KeptObject:
    return KeptObject(scope=scope, key=key, **{"kind": "file", "id": "file_1", "created_at": 100.0, **more})


def a_file(path: str = "/a.py", *, file_id: str = "f1", store: str = "docs", **more: Any) -> IndexedFile:
    values = {"sha256": "0", "bytes": 1, "indexed_at": 100.0, **more}
    return IndexedFile(store=store, path=path, file_id=file_id, **values)


def chunks(*texts: str, file_id: str = "f1") -> list[Chunk]:
    return [Chunk(file_id=file_id, ordinal=ordinal, text=text) for ordinal, text in enumerate(texts)]


async def settle(store: Store, job_id: str, *turns: Turn) -> Job:
    return await store.jobs.settle(job_id, "completed", answer=None, failure=None, turns=turns)


async def add_turns(store: Store, *turns: Turn, session: str | None = None, scope: Scope = MINE) -> None:
    """Turns come into the store with a job, as always."""
    job_id = f"for_{scope.owner}_{scope.backend}_{turns[0].response_id}"
    await admit(store, job_id, scope=scope, session=session)
    await settle(store, job_id, *turns)


async def spend(store: Store, *lines: Spending, session: str | None = None, scope: Scope = MINE) -> None:
    """Lines of the ledger come into the store with a job, as always."""
    job_id = f"for_{scope.owner}_{scope.backend}_{session}_{lines[0].at}"
    await admit(store, job_id, scope=scope, session=session)
    await store.jobs.settle(job_id, "completed", answer=None, failure=None, spent=lines)
