from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.turns.desk import Desk, opened
from tests.upstream_state import StatefulUpstream


@pytest.fixture
async def desk(tmp_path: Path, up: StatefulUpstream) -> AsyncGenerator[Desk]:
    async with opened(tmp_path / "store.db", up) as made:
        yield made
