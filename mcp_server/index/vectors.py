"""The vectors of one store in memory, searched one by one: exact, and fast enough for a hundred thousand passages."""

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcp_server.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOAT_BYTES = 4


def packed(vector: Sequence[float]) -> bytes:
    """Little-endian float32, as the store keeps them."""
    return struct.pack(f"<{len(vector)}f", *vector)


class Vectors:
    """Passages' vectors of one length; those of another (an earlier embedding model's) are left out."""

    def __init__(self, rows: Sequence[tuple[int, str, bytes]], length: int) -> None:
        try:
            import numpy  # noqa: PLC0415  heavy, and only searching by meaning needs it
        except ImportError as error:
            raise ConfigurationError(
                "Searching by meaning needs numpy: install it, or responses-mcp[local]."
            ) from error
        fitting = [row for row in rows if len(row[2]) == length * FLOAT_BYTES]
        self._ids: NDArray[numpy.int64] = numpy.array([row[0] for row in fitting], dtype=numpy.int64)
        self._files = [row[1] for row in fitting]
        joined = numpy.frombuffer(b"".join(row[2] for row in fitting), dtype="<f4")
        self._matrix: NDArray[numpy.float32] = joined.reshape(len(fitting), length)

    def nearest(self, vector: Sequence[float], allowed: frozenset[str], limit: int) -> list[int]:
        """Ids of the passages of ``allowed`` files by falling cosine (the vectors have length 1)."""
        import numpy  # noqa: PLC0415  as above

        rows = numpy.flatnonzero(numpy.array([file in allowed for file in self._files], dtype=numpy.bool_))
        cosines = self._matrix[rows] @ numpy.asarray(vector, dtype=numpy.float32)
        best = numpy.argsort(-cosines, kind="stable")[:limit]
        return [int(found) for found in self._ids[rows[best]]]
