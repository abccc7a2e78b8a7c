"""Vectors in the form that the store keeps."""

import struct
from collections.abc import Sequence


def packed(vectors: Sequence[Sequence[float]]) -> bytes:
    """Little-endian float32, one vector after another."""
    return b"".join(struct.pack(f"<{len(vector)}f", *vector) for vector in vectors)
