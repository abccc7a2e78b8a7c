"""The vectors of the stores searched last, in memory: searched one by one, exact, and fast for a hundred thousand."""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mcp_server.errors import ConfigurationError, extra
from mcp_server.store.sqlite.rows import Values

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLOAT_BYTES = 4
STORES = 4

VERSION = "SELECT version FROM index_stores WHERE owner = :owner AND backend = :backend AND store = :store"
VECTORS = """
SELECT id, file_id, vector FROM chunks
WHERE owner = :owner AND backend = :backend AND store = :store AND vector IS NOT NULL ORDER BY id
"""


class Memory:
    """Reads a store's vectors when they are first searched, and again when anybody has changed the store.

    Used by several reading threads.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str], tuple[object, Matrix]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, connection: sqlite3.Connection, values: Values, length: int) -> "Matrix":
        """The vectors of the store that ``values`` name, each ``length`` numbers long.

        Raises:
            ConfigurationError: numpy is not installed.
        """
        key = values["owner"], values["backend"], values["store"]
        with self._lock:
            # The version first: what changes while the vectors are read makes them be read again.
            row = connection.execute(VERSION, values).fetchone()
            state = row and (row["version"], length)
            kept = self._kept.get(key)
            if kept is None or kept[0] != state:
                kept = self._kept[key] = state, Matrix(connection.execute(VECTORS, values).fetchall(), length)
            self._kept.move_to_end(key)
            if len(self._kept) > STORES:
                self._kept.popitem(last=False)
            return kept[1]


class Matrix:
    """The vectors of one store's passages, of which each has one or several; those of another length are left out."""

    def __init__(self, rows: Sequence[sqlite3.Row], length: int) -> None:
        numpy = _numpy()
        size = length * FLOAT_BYTES
        rows = [row for row in rows if row["vector"] and len(row["vector"]) % size == 0]
        counts = numpy.array([len(row["vector"]) // size for row in rows], dtype=numpy.int64)
        self._ids: NDArray[Any] = numpy.array([row["id"] for row in rows], dtype=numpy.int64)
        self._starts: NDArray[Any] = numpy.cumsum(counts) - counts
        self._files: NDArray[Any] = numpy.array([row["file_id"] for row in rows], dtype=object)
        numbers = numpy.frombuffer(b"".join(row["vector"] for row in rows), dtype="<f4")
        self._numbers: NDArray[Any] = numbers.reshape(-1, length)

    def nearest(self, vector: Sequence[float], limit: int, file_ids: Sequence[str] | None) -> list[tuple[int, float]]:
        """Ids and cosines of the nearest passages, best first; those of ``file_ids`` alone, if given."""
        numpy = _numpy()
        if not len(self._ids):
            return []
        cosines = self._numbers @ numpy.asarray(vector, dtype=numpy.float32)
        if len(cosines) > len(self._ids):
            cosines = numpy.maximum.reduceat(cosines, self._starts)
        found = numpy.arange(len(cosines))
        if file_ids is not None:
            wanted = frozenset(file_ids)
            found = found[[file in wanted for file in self._files]]
        if len(found) > limit:
            found = found[numpy.argpartition(-cosines[found], limit)[:limit]]
        best = found[numpy.lexsort((self._ids[found], -cosines[found]))]
        return list(zip(self._ids[best].tolist(), cosines[best].tolist(), strict=True))


def _numpy() -> Any:
    try:
        import numpy  # noqa: PLC0415  heavy, and only searching by meaning needs it
    except ImportError as error:
        raise ConfigurationError(f"Searching by meaning needs numpy: run {extra('local')}.") from error
    return numpy
