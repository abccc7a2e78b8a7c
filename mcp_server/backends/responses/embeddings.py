"""Vectors of length 1 for texts of any length."""

import math
from collections.abc import Iterator, Sequence
from typing import cast

from mcp_server.backends.responses import faults
from mcp_server.backends.responses.connection import Connection
from mcp_server.backends.responses.shape import objects
from mcp_server.model.value import JsonObject

PIECE_BYTES = 8_000
"""A token is at least one byte, so such a piece never exceeds the API's 8,192 tokens."""
BATCH_BYTES = 200_000
BATCH_PIECES = 512

Vector = list[float]


async def embed(connection: Connection, model: str, texts: Sequence[str]) -> list[Vector]:
    """One vector per text. A text too long for the API is the weighted mean of its pieces."""
    pieces = [list(_pieces(text)) for text in texts]
    vectors: list[Vector] = []
    for batch in _batches([piece for of_text in pieces for piece in of_text]):
        body: JsonObject = {"model": model, "input": batch, "encoding_format": "float"}
        reply = await connection.post("/embeddings", body, repeatable=True)
        vectors += _vectors(reply.body, len(batch))
    rest = iter(vectors)
    return [_mean([(len(piece), next(rest)) for piece in of_text]) for of_text in pieces]


def _pieces(text: str) -> Iterator[str]:
    # The API refuses an empty text.
    content = text.encode("utf-8", "replace") or b" "
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES].decode("utf-8", "ignore") or " "


def _batches(pieces: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for piece in pieces:
        length = len(piece.encode())
        if batch and (size + length > BATCH_BYTES or len(batch) == BATCH_PIECES):
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += length
    if batch:
        yield batch


def _vectors(body: JsonObject, expected: int) -> list[Vector]:
    found = sorted(objects(body.get("data")), key=_position)
    vectors = [_numbers(item.get("embedding")) for item in found]
    if len(vectors) != expected or not all(vectors):
        raise faults.bad_response("embeddings of another shape", attempts=1, outcome="failed")
    return vectors


def _position(item: JsonObject) -> int:
    index = item.get("index")
    return index if isinstance(index, int) else 0


def _numbers(value: object) -> Vector:
    found = cast("list[object]", value) if isinstance(value, list) else []
    return [float(number) for number in found if isinstance(number, int | float)]


def _mean(weighted: list[tuple[int, Vector]]) -> Vector:
    total = [
        sum(weight * value for (weight, _), value in zip(weighted, column, strict=True))
        for column in _columns(weighted)
    ]
    length = math.hypot(*total) or 1.0
    return [value / length for value in total]


def _columns(weighted: list[tuple[int, Vector]]) -> Iterator[tuple[float, ...]]:
    return zip(*(vector for _, vector in weighted), strict=True)
