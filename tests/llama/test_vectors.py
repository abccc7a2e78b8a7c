"""Embeddings: lengths, neighbours, texts of any length."""

import math
import os
import signal

import anyio
import anyio.lowlevel
import pytest

from mcp_server.backends.llama.backend import LlamaBackend
from mcp_server.backends.llama.vectors import WINDOW, windows
from mcp_server.errors import EngineError

PAIRS = [
    ("The cat sleeps on the sofa.", "A kitten is napping on the couch."),
    ("How do I reset my password?", "I forgot my login secret and want a new one."),
    ("The central bank raised interest rates.", "Borrowing money became more expensive after the monetary decision."),
    ("It will rain heavily tomorrow.", "The forecast for the next day is a lot of precipitation."),
]


def similarity(one: list[float], other: list[float]) -> float:
    return sum(map(float.__mul__, one, other))


@pytest.mark.engine
async def test_paraphrases_are_nearest_and_all_vectors_have_length_one(backend: LlamaBackend):
    vectors = await backend.embed([text for pair in PAIRS for text in pair])
    assert {len(vector) for vector in vectors} == {384}
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * 8, abs=1e-4)
    firsts, seconds = vectors[::2], vectors[1::2]
    for n, first in enumerate(firsts):
        nearest = max(range(len(seconds)), key=lambda m: similarity(first, seconds[m]))
        assert nearest == n


@pytest.mark.engine
async def test_long_and_empty_texts_have_vectors_of_length_one_too(backend: LlamaBackend):
    cats = "The cat sleeps on the warm sofa all day. " * 120
    long, short, empty, other = await backend.embed([cats, PAIRS[0][0], "", PAIRS[2][0]])
    assert [math.hypot(*vector) for vector in (long, empty)] == pytest.approx([1.0, 1.0], abs=1e-4)
    assert similarity(long, short) > similarity(long, other)
    assert await backend.embed([]) == []


@pytest.mark.engine
async def test_a_text_has_the_same_vector_whatever_is_beside_it(backend: LlamaBackend):
    texts = [f"text number {n} " * (n % 7 + 1) for n in range(70)]
    together = await backend.embed(texts)
    alone = await backend.embed(texts[67:68])
    assert similarity(alone[0], together[67]) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.engine
async def test_a_killed_embedder_is_replaced(backend: LlamaBackend):
    await backend.embed(["a"])
    first = backend._embedder.child.pid

    found: list[list[float]] = []

    async def embed() -> None:
        found.extend(await backend.embed([f"text number {n} " * 30 for n in range(16)]))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(embed)
        await anyio.lowlevel.checkpoint()
        os.kill(first, signal.SIGKILL)
    assert len(found) == 16
    assert backend._embedder.child.pid != first


@pytest.mark.engine
async def test_an_embedder_that_keeps_dying_is_reported(backend: LlamaBackend):
    async def killer() -> None:
        killed = None
        while True:
            child = backend._embedder.running
            if child and child.pid != killed:
                killed = child.pid
                os.kill(killed, signal.SIGKILL)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        await backend.embed(["a"])
        tasks.start_soon(killer)
        with pytest.raises(EngineError, match="crashed twice"):
            await backend.embed([f"text number {n} " * 30 for n in range(200)])
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("count", [0, 1, WINDOW, WINDOW + 1, 3 * WINDOW, 3 * WINDOW + 5])
def test_windows_keep_every_token_once_and_are_even(count):
    split = windows([101, *range(count), 102])
    assert [token for window in split for token in window[1:-1]] == list(range(count))
    assert {(window[0], window[-1]) for window in split} == {(101, 102)}
    assert len(split) == max(1, math.ceil(count / WINDOW))
    assert max(map(len, split)) - min(map(len, split)) <= len(split)
