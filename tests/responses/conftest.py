"""A backend on a scripted upstream."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from mcp_server.backends.responses.access import KeyAccess
from mcp_server.backends.responses.backend import ResponsesBackend
from mcp_server.backends.responses.profiles import OPENAI
from tests.upstream import ScriptedUpstream, scripted

KEY = "sk-proj-scripted0123456789abcdefABCDEF"

Connect = Callable[..., ResponsesBackend]


@pytest.fixture
async def up() -> AsyncGenerator[ScriptedUpstream]:
    async with scripted() as upstream:
        yield upstream


@pytest.fixture
async def connect(up: ScriptedUpstream) -> AsyncGenerator[Connect]:
    """Makes backends on ``up`` that are closed when the test ends."""
    async with AsyncExitStack() as stack:

        def make(**changes: Any) -> ResponsesBackend:
            key = KeyAccess.to(changes.pop("base_url", up.base_url), changes.pop("api_key", KEY))
            settings: dict[str, Any] = {
                "profile": OPENAI,
                "access": key,
                "model": None,
                "embedding_model": None,
                "timeout_seconds": 5.0,
                "max_retries": 2,
                "retry_delay_seconds": 0.0,
                **changes,
            }
            backend = ResponsesBackend(settings.pop("name", "openai"), **settings)
            stack.push_async_callback(backend.close)
            return backend

        yield make


@pytest.fixture
async def backend(connect: Connect) -> ResponsesBackend:
    return connect()
