"""Two houses to test a tool in: on a scripted upstream that remembers, and on the embedded engine."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.serving import Era, House, house, openai, told
from tests.upstream_state import StatefulUpstream, stateful


@pytest.fixture(params=["auto", "legacy"], ids=["2026-07-28", "handshake"])
def era(request: pytest.FixtureRequest) -> Era:
    return request.param


@pytest.fixture
async def up() -> AsyncGenerator[StatefulUpstream]:
    async with stateful() as upstream:
        yield upstream


@pytest.fixture
async def hosted(up: StatefulUpstream, era: Era, tmp_path: Path) -> AsyncGenerator[House]:
    async with house(told(tmp_path, **openai(up.base_url)), era) as served:
        yield served


@pytest.fixture
async def embedded(tmp_path: Path, weights: Path) -> AsyncGenerator[House]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(weights)
    async with house(told(home, RESPONSES_MCP_WAIT_SECONDS="110")) as served:
        yield served
