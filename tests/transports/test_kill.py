"""``kill -9`` while sessions are being written: what was acknowledged is there afterwards."""

import random
from pathlib import Path

import anyio
import pytest

from mcp_server.model.value import Scope
from mcp_server.store.sqlite import open_sqlite
from tests.serving import openai
from tests.transports.nursery import Nursery, nursery
from tests.transports.process import variables
from tests.upstream_state import stateful

KILLS = 50
SIDE_BY_SIDE = 5
"""Servers that share the store, so that start-up is paid for side by side, and a kill meets the others' writes."""


@pytest.mark.long
async def test_every_acknowledged_turn_is_there_after_fifty_kills(tmp_path: Path) -> None:
    chance = random.Random(20261121)
    acknowledged: dict[str, list[str]] = {}

    async def write_and_die(servers: Nursery, environment: dict[str, str], session: str, seconds: float) -> None:
        async with servers.launched(environment) as wire:
            await wire.hello()
            known = acknowledged.setdefault(session, [])
            with anyio.move_on_after(60) as patience:
                for number in range(1, 10_000):
                    await wire.call(number, "generate", input=f"turn {number}", session=session)
                    answer = await wire.answer(number)
                    known.append(answer["result"]["structuredContent"]["response_id"])
                    if number == 1:
                        patience.deadline = anyio.current_time() + seconds
            wire.process.kill()

    with nursery() as servers:
        async with stateful() as up:
            given = variables(tmp_path, RESPONSES_MCP_LOG_LEVEL="error", **openai(up.base_url))
            for _ in range(0, KILLS, SIDE_BY_SIDE):
                async with anyio.create_task_group() as tasks:
                    for _ in range(SIDE_BY_SIDE):
                        name = f"s{len(acknowledged)}-{chance.random()}"
                        tasks.start_soon(write_and_die, servers, given, name, chance.uniform(0, 0.15))
    assert len(acknowledged) == KILLS
    store = await open_sqlite(tmp_path / "store.db")
    try:
        scope = Scope(owner="local", backend="openai")
        for name, known in acknowledged.items():
            session = await store.sessions.get(scope, name)
            assert session is not None
            assert session.head is not None
            chain = [turn.response_id for turn in await store.sessions.turns(scope, session.head)]
            assert known
            # One more than was acknowledged may have been written.
            assert chain[: len(known)] == known
            assert len(chain) <= len(known) + 1
    finally:
        await store.close()
