"""The contract suite runs on every database: ``store`` is one of them, ``open_store`` opens it once more."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite

OpenStore = Callable[[], Awaitable[Store]]


@pytest.fixture(params=["sqlite"])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[OpenStore]:
    opened: list[Store] = []

    async def open_again() -> Store:
        store = await open_sqlite(tmp_path / "store.db")
        opened.append(store)
        return store

    yield open_again
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    return await open_store()
