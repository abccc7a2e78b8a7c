"""What every test starts from: no environment of the machine's, asyncio, and the models fetched once."""

import json
import logging
import os
from collections.abc import AsyncGenerator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpcore2
import pytest
import structlog
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator

from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite
from tests.serving import Era, House, house, openai, told
from tests.transports.process import MEASURED
from tests.upstream_state import StatefulUpstream, stateful
from tests.web import Web, certificate

settings.register_profile(
    "suite", max_examples=40, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")

OURS = ("RESPONSES_MCP_", "OPENAI_", "AZURE_", "AWS_", "BEDROCK_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests begin first, so that no worker waits for another's at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(OURS) or name in MEASURED:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A command that runs in the test's own process sets up the log, which is one for the whole process."""
    root = logging.getLogger()
    known = [one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    handlers, levels = list(root.handlers), {one: one.level for one in (root, *known)}
    yield
    root.handlers = handlers
    for one, level in levels.items():
        if one.level != level:
            one.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded engine's model files, fetched by the first test that needs them and kept between runs.

    Fetching is safe side by side, so several workers need no lock here.
    """
    folder = tmp_path_factory.getbasetemp().parent
    if folder.name.startswith("pytest-") and folder.name.removeprefix("pytest-").isdigit():
        folder = folder.parent  # below a worker's folder of pytest-xdist
    models = folder / "responses-mcp-models" / "models"
    models.mkdir(parents=True, exist_ok=True)
    return models


@pytest.fixture
def era() -> Era:
    """How the protocol is spoken; ``both_eras`` in ``tests/serving.py`` gives a test the older way too."""
    return "auto"


@pytest.fixture(autouse=True, scope="session")
def _trust_read_once() -> None:
    """Reading the machine's certificates takes longer than most tests, and all of them talk to loopback."""
    httpcore2.default_ssl_context = cache(httpcore2.default_ssl_context)


@pytest.fixture(autouse=True, scope="session")
def _schemas_checked_once() -> None:
    """Each client checks the schemas of the tools' results, and that takes longer than most calls."""
    check = Draft202012Validator.check_schema
    fine: set[str] = set()

    def once(schema: Any, *arguments: Any, **more: Any) -> None:
        if (written := json.dumps(schema, default=repr)) not in fine:
            check(schema, *arguments, **more)
            fine.add(written)

    Draft202012Validator.check_schema = once


@pytest.fixture
async def up() -> AsyncGenerator[StatefulUpstream]:
    """An upstream that remembers what it was told, as the real one does."""
    async with stateful() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def _site_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("site"))


@pytest.fixture
async def web(_site_certificate: Path) -> AsyncGenerator[Web]:
    """A web to fetch from: give its ``network`` to a ``Fetcher``."""
    async with Web(_site_certificate).open() as opened:
        yield opened


@pytest.fixture
async def hosted(up: StatefulUpstream, era: Era, tmp_path: Path) -> AsyncGenerator[House]:
    """The server of a user of OpenAI, with a client in front of it."""
    async with house(told(tmp_path, **openai(up.base_url)), era) as served:
        yield served


@pytest.fixture
async def embedded(tmp_path: Path, weights: Path) -> AsyncGenerator[House]:
    """The server of a user without a key. It waits long: answers are what is looked at, also on a busy machine."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(weights)
    async with house(told(home, RESPONSES_MCP_WAIT_SECONDS="110")) as served:
        yield served


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store]:
    """An empty store."""
    opened = await open_sqlite(tmp_path / "state" / "store.db")
    yield opened
    await opened.close()
