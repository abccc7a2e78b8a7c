"""Shorthand for talking to a backend."""

from contextlib import aclosing
from typing import Any

import anyio
import pytest

from mcp_server.backends.protocol import Backend
from mcp_server.errors import UpstreamError
from mcp_server.model.answer import Answer
from mcp_server.model.events import Event, Finished
from mcp_server.model.request import Layout


def layout(text: str = "hello", **fields: Any) -> Layout:
    """One question."""
    return Layout(**{"model": "gpt-6-sol", "input": [{"role": "user", "content": text}], **fields})


async def events(backend: Backend, asked: Layout | None = None) -> list[Event]:
    """Everything that happens."""
    with anyio.fail_after(10):
        async with aclosing(backend.respond(asked or layout())) as stream:
            return [event async for event in stream]


async def answer(backend: Backend, asked: Layout | None = None) -> Answer:
    """How it ends."""
    *_, last = await events(backend, asked)
    assert isinstance(last, Finished)
    return last.answer


async def fault(backend: Backend, asked: Layout | None = None) -> UpstreamError:
    """How it fails."""
    with pytest.raises(UpstreamError) as raised:
        await events(backend, asked)
    return raised.value
