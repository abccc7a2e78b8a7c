"""The real servers, each started once. ``scripts/dev.py real`` says where they are; without it nothing here runs."""

import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from mcp_server.backends.llama.weights import MINILM, SMOLLM2, fetch
from tests.real.fastresponses import fastresponses
from tests.real.litellm import litellm
from tests.real.llama_cpp import engines, llama_cpp
from tests.real.ogx import ogx
from tests.real.servers import Engines, Real
from tests.real.tap import Tap
from tests.serving import House, house, told
from tests.upstream import serving

collect_ignore_glob = [] if "REAL_SERVERS" in os.environ else ["test_*.py"]

SERVERS = ["fastresponses", "llama.cpp", "litellm", "ogx", "ogx as openai"]
"""The last is ogx for a user who says that it is OpenAI: everything is believed of it until it shows otherwise."""


class Running:
    """Starts a server when the first test needs it."""

    def __init__(self, tmp: pytest.TempPathFactory, served: Engines, ends: ExitStack) -> None:
        self._tmp, self._engines, self._ends = tmp, served, ends
        self._started: dict[str, Real] = {}

    def get(self, name: str) -> Real:
        """The server of this name."""
        if name not in self._started:
            self._started[name] = self._start(name)
        return self._started[name]

    def _start(self, name: str) -> Real:
        if name == "llama.cpp":
            return llama_cpp(self._engines)
        if name.endswith(" as openai"):
            really = self.get(name.removesuffix(" as openai"))
            return replace(really, known_as=None, settings={"RESPONSES_MCP_BACKEND": "openai"})
        start = {"fastresponses": fastresponses, "litellm": litellm, "ogx": ogx}[name]
        return self._ends.enter_context(start(self._tmp.mktemp(name), self._engines))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[Running]:
    async def models() -> None:
        for wanted in (SMOLLM2, MINILM):
            async for _ in fetch(wanted, weights):
                pass

    anyio.run(models)
    with ExitStack() as ends:
        yield Running(tmp_path_factory, ends.enter_context(engines(weights)), ends)


@pytest.fixture(params=SERVERS)
def real(request: pytest.FixtureRequest, running: Running) -> Real:
    return running.get(request.param)


@pytest.fixture
async def tap(real: Real) -> AsyncGenerator[Tap]:
    async with serving(Tap(real.base_url)) as tapped:
        yield tapped


@pytest.fixture
async def at_real(real: Real, tap: Tap, tmp_path: Path, weights: Path) -> AsyncGenerator[House]:
    """The server of a user who names that server's address, its key and a model, and nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(weights)
    variables = {"OPENAI_BASE_URL": tap.base_url, "OPENAI_API_KEY": real.key, "RESPONSES_MCP_MODEL": real.model}
    async with house(told(home, **{**variables, "RESPONSES_MCP_WAIT_SECONDS": "110", **real.settings})) as served:
        yield served
