"""A state folder whose models are fetched once and kept between runs, and engines shared by a file's tests."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from mcp_server.backends.llama.backend import LlamaBackend
from mcp_server.model.answer import Answer
from mcp_server.model.events import Event, Finished
from mcp_server.model.request import Layout

MODEL = "smollm2-135m-instruct"


@pytest.fixture(scope="session")
def home(weights: Path) -> Path:
    """A state folder whose models are there."""
    return weights.parent


@pytest.fixture(scope="module")
async def backend(home: Path, anyio_backend: str) -> AsyncIterator[LlamaBackend]:
    backend = LlamaBackend(home)
    yield backend
    await backend.close()


def said(text: str, **more) -> Layout:
    """A layout of one user message."""
    return Layout(model=MODEL, input=[{"role": "user", "content": text}], **more)


async def events_of(backend: LlamaBackend, layout: Layout) -> list[Event]:
    async with aclosing(backend.respond(layout)) as events:
        return [event async for event in events]


async def answer_of(backend: LlamaBackend, layout: Layout) -> Answer:
    last = (await events_of(backend, layout))[-1]
    assert isinstance(last, Finished)
    return last.answer
