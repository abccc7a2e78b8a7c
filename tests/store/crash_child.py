"""Appends turns to four sessions for ever, and tells of each one that was acknowledged. Made to be killed."""

import asyncio
import time
from multiprocessing.connection import Connection
from pathlib import Path

from mcp_server.model.job import Job
from mcp_server.model.request import TurnRequest
from mcp_server.model.session import Turn
from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite
from tests.store.examples import MINE

SESSIONS = ("a", "b", "c", "d")


def append_turns(path: Path, generation: int, acknowledged: Connection) -> None:
    asyncio.run(_append_all(path, generation, acknowledged))


async def _append_all(path: Path, generation: int, acknowledged: Connection) -> None:
    store = await open_sqlite(path)
    async with asyncio.TaskGroup() as group:
        for session in SESSIONS:
            group.create_task(_append(store, session, generation, acknowledged))


async def _append(store: Store, session: str, generation: int, acknowledged: Connection) -> None:
    found = await store.sessions.get(MINE, session)
    head = found.head if found else None
    number = 0
    while True:
        number += 1
        name, now = f"{session}.{generation}.{number}", time.time()
        request = TurnRequest(tool="generate", input=[], session=session)
        values = {"tool": "generate", "fingerprint": "f", "created_at": now, "updated_at": now}
        await store.jobs.admit(Job(id=name, scope=MINE, session=session, **values), request)
        turn = Turn(
            scope=MINE,
            response_id=name,
            parent=head,
            session=session,
            input=[],
            output=[{"text": "word " * 300}],
            status="completed",
            created_at=now,
        )
        await store.jobs.settle(name, "completed", answer=None, failure=None, turns=[turn])
        acknowledged.send(name)
        head = name
