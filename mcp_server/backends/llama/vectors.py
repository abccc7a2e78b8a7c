"""Texts of any length as unit vectors: a long one is the mean of its windows, none too long for the model."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_server.backends.llama.process import Child

WINDOW = 254
"""Tokens of a window, without the two that begin and end it: 256 is what the model's makers let it read."""

BATCH = 32


async def vectors(child: "Child", texts: Sequence[str]) -> list[list[float]]:
    """One vector of length 1 per text.

    Raises:
        Crashed: the child died.
        EngineError: it failed.
    """
    split = [windows(await _tokens(child, text)) for text in texts]
    flat = [window for one in split for window in one]
    found: list[list[float]] = []
    for start in range(0, len(flat), BATCH):
        found += await _embedded(child, flat[start : start + BATCH])
    parts = iter(found)
    return [_mean([next(parts) for _ in one]) for one in split]


def windows(tokens: list[int]) -> list[list[int]]:
    """The tokens in windows of nearly the same length, each begun and ended as the whole was."""
    first, *inner, last = tokens
    count = max(1, math.ceil(len(inner) / WINDOW))
    size = max(1, math.ceil(len(inner) / count))
    return [[first, *inner[at : at + size], last] for at in range(0, max(1, len(inner)), size)]


async def _tokens(child: "Child", text: str) -> list[int]:
    return (await child.post("/tokenize", {"content": text, "add_special": True}))["tokens"]


async def _embedded(child: "Child", batch: list[list[int]]) -> list[list[float]]:
    answer = await child.post("/v1/embeddings", {"input": batch})
    return [entry["embedding"] for entry in sorted(answer["data"], key=lambda entry: entry["index"])]


def _mean(parts: list[list[float]]) -> list[float]:
    if len(parts) == 1:
        return parts[0]
    total = [math.fsum(column) for column in zip(*parts, strict=True)]
    length = math.hypot(*total)
    return [value / length for value in total]
