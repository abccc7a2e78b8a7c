from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_sqlite(tmp_path / "state" / "store.db")
    yield opened
    await opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "files"
    made.mkdir()
    return made
