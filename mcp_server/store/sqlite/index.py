"""Indexed files, their passages, and the search by words (BM25).

A caller's words reach FTS5 as quoted phrases alone, so that no word can act as an operator of its query language.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence

from mcp_server.model.document import Chunk, IndexedFile
from mcp_server.model.value import Scope
from mcp_server.store.sqlite.lanes import Lanes
from mcp_server.store.sqlite.rows import Values, clean, file_values, scope_values, to_chunk, to_file

FILES = "SELECT * FROM index_files WHERE owner = :owner AND backend = :backend AND store = :store ORDER BY path"
REMOVE = "DELETE FROM index_files WHERE owner = :owner AND backend = :backend AND store = :store AND path = :path"
ADD = """
INSERT INTO index_files (owner, backend, store, path, file_id, sha256, bytes, attributes, indexed_at)
VALUES (:owner, :backend, :store, :path, :file_id, :sha256, :bytes, :attributes, :indexed_at)
"""
ADD_CHUNK = """
INSERT INTO chunks (
    owner, backend, store, path, file_id, ordinal, first_line, last_line, page, vector, text, parts
) VALUES (
    :owner, :backend, :store, :path, :file_id, :ordinal, :first_line, :last_line, :page, :vector, :text, :parts
)
"""
DROP = """
DELETE FROM index_files
WHERE owner = :owner AND backend = :backend AND store = :store AND file_id IN (SELECT value FROM json_each(:ids))
"""
# The parts of names count half of what stands in the text as it is.
MATCH = """
SELECT chunks.id AS id, -bm25(passages, 1.0, 0.5) AS score
FROM passages JOIN chunks ON chunks.id = passages.rowid
WHERE passages MATCH :query AND chunks.owner = :owner AND chunks.backend = :backend AND chunks.store = :store
ORDER BY score DESC, chunks.id LIMIT :limit
"""
VECTORS = """
SELECT id, file_id, vector FROM chunks
WHERE owner = :owner AND backend = :backend AND store = :store AND vector IS NOT NULL ORDER BY id
"""
CHUNKS = """
SELECT * FROM chunks
WHERE owner = :owner AND backend = :backend AND store = :store AND id IN (SELECT value FROM json_each(:ids))
"""

_NAME = re.compile(r"[A-Za-z0-9]*[a-z0-9][A-Z][A-Za-z0-9]*|[A-Z]{2,}[a-z][A-Za-z0-9]*")
_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class SqliteIndex:
    """``Index`` on SQLite."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def files(self, scope: Scope, store: str) -> list[IndexedFile]:
        """The store's files by path."""
        values = {**scope_values(scope), "store": store}
        return await self._lanes.read(lambda connection: [to_file(row) for row in connection.execute(FILES, values)])

    async def replace(
        self, scope: Scope, file: IndexedFile, chunks: Sequence[Chunk], vectors: Sequence[bytes] = ()
    ) -> None:
        """Put the file and its passages in place of what stood at its store and path, in one transaction."""
        values = file_values(scope, file)
        rows = [
            {**values, **_chunk_values(chunk), "vector": vector}
            for chunk, vector in zip(chunks, vectors or [None] * len(chunks), strict=True)
        ]

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(REMOVE, values)
            connection.execute(ADD, values)
            connection.executemany(ADD_CHUNK, rows)

        await self._lanes.write(write)

    async def drop(self, scope: Scope, store: str, file_ids: Sequence[str]) -> int:
        """Remove files and their passages. Returns how many files went."""
        values = {**scope_values(scope), "store": store, "ids": json.dumps(list(file_ids))}
        return await self._lanes.write(lambda connection: connection.execute(DROP, values).rowcount)

    async def match(self, scope: Scope, store: str, words: Sequence[str], limit: int) -> list[tuple[int, float]]:
        """Ids and scores (larger is better) of the passages that hold any of ``words``, by BM25, best first."""
        query = match_query(words)
        if not query:
            return []
        values = {**scope_values(scope), "store": store, "query": query, "limit": limit}
        return await self._lanes.read(
            lambda connection: [(row["id"], row["score"]) for row in connection.execute(MATCH, values)]
        )

    async def vectors(self, scope: Scope, store: str) -> list[tuple[int, str, bytes]]:
        """Every passage's id, file id and vector, in id order."""
        values = {**scope_values(scope), "store": store}
        return await self._lanes.read(
            lambda connection: [
                (row["id"], row["file_id"], row["vector"]) for row in connection.execute(VECTORS, values)
            ]
        )

    async def chunks(self, scope: Scope, store: str, ids: Sequence[int]) -> list[Chunk]:
        """The passages with these ids, in the order asked for."""
        values = {**scope_values(scope), "store": store, "ids": json.dumps(list(ids))}

        def select(connection: sqlite3.Connection) -> list[Chunk]:
            found = {row["id"]: to_chunk(row) for row in connection.execute(CHUNKS, values)}
            return [found[key] for key in ids if key in found]

        return await self._lanes.read(select)


def match_query(words: Iterable[str]) -> str:
    """An FTS5 query for passages with any of ``words``, each as it is and as the words inside a camelCase name."""
    phrases = dict.fromkeys(phrase for word in words for phrase in (word, _BORDER.sub(" ", word)))
    return " OR ".join(_quoted(phrase) for phrase in phrases if any(map(str.isalnum, phrase)))


def _quoted(phrase: str) -> str:
    """An FTS5 string. A quote is doubled, as in SQL; a NUL would end the query."""
    return '"' + clean(phrase).replace('"', '""').replace("\0", " ") + '"'


def _parts(text: str) -> str:
    """The words inside the camelCase names of ``text``: "maxRetries" gives "max Retries"."""
    return " ".join(_BORDER.sub(" ", name) for name in _NAME.findall(text))


def _chunk_values(chunk: Chunk) -> Values:
    values = chunk.model_dump(exclude={"id", "text"})
    text = clean(chunk.text)
    return {**values, "text": text, "parts": _parts(text)}
