from functools import partial
from pathlib import Path
from typing import Any, cast

import anyio

from mcp_server.index.protocol import Filing, IndexReport, SearchIndex
from mcp_server.index.updates import Updates
from tests.index.parts import SCOPE, quiet


async def test_an_update_stops_when_the_last_one_who_waits_for_it_is_cancelled() -> None:
    begun: list[str] = []
    ended: list[str] = []

    class Slow:
        async def update(self, *_: Any) -> IndexReport:
            begun.append("update")
            try:
                await anyio.sleep_forever()
            finally:
                ended.append("update")
            raise AssertionError

    async def wait(updates: Updates, scope: anyio.CancelScope) -> None:
        with scope:
            # Each caller has a progress of its own.
            await updates.update(SCOPE, "docs", [Path("/a")], Filing(), partial(quiet), 60)

    one, two = anyio.CancelScope(), anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        updates = Updates(cast("SearchIndex", Slow()), tasks)
        tasks.start_soon(wait, updates, one)
        tasks.start_soon(wait, updates, two)
        await anyio.wait_all_tasks_blocked()
        assert begun == ["update"]
        one.cancel()
        await anyio.wait_all_tasks_blocked()
        assert ended == []
        two.cancel()
        await anyio.wait_all_tasks_blocked()
        assert ended == ["update"]
