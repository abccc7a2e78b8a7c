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
from mcp_server.store.sqlite.memory import Memory
from mcp_server.store.sqlite.rows import Values, clean, file_values, scope_values, to_chunk, to_file

FILES = "SELECT * FROM index_files WHERE owner = :owner AND backend = :backend AND store = :store ORDER BY path"
SOME_FILES = """
SELECT * FROM index_files
WHERE owner = :owner AND backend = :backend AND store = :store AND file_id IN (SELECT value FROM json_each(:ids))
"""
# The plus keeps SQLite from reading all files in the order of the primary key.
LOCATED = """
SELECT * FROM index_files
WHERE owner = :owner AND backend = :backend AND file_id IN (SELECT value FROM json_each(:ids)) ORDER BY +store, path
"""
REMOVE = "DELETE FROM index_files WHERE owner = :owner AND backend = :backend AND store = :store AND path = :path"
ADD = """
INSERT INTO index_files (owner, backend, store, path, file_id, sha256, bytes, attributes, indexed_at)
VALUES (:owner, :backend, :store, :path, :file_id, :sha256, :bytes, :attributes, :indexed_at)
"""
TOUCH = """
INSERT INTO index_stores (owner, backend, store, version) VALUES (:owner, :backend, :store, 1)
ON CONFLICT (owner, backend, store) DO UPDATE SET version = version + 1 RETURNING number << 32 AS first
"""
LAST_ID = "SELECT coalesce(max(id), :first) AS id FROM chunks WHERE id BETWEEN :first AND :first + 0xffffffff"
ADD_CHUNK = """
INSERT INTO chunks (
    id, owner, backend, store, path, file_id, ordinal, first_line, last_line, page, vector, text, parts
) VALUES (
    :id, :owner, :backend, :store, :path, :file_id, :ordinal, :first_line, :last_line, :page, :vector, :text, :parts
)
"""
DROP = """
DELETE FROM index_files
WHERE owner = :owner AND backend = :backend AND store = :store AND file_id IN (SELECT value FROM json_each(:ids))
"""
OUTDATE = "UPDATE index_files SET sha256 = '' WHERE owner = :owner AND backend = :backend AND store = :store"
FORGET_VECTORS = "UPDATE chunks SET vector = NULL WHERE owner = :owner AND backend = :backend AND store = :store"
COUNT = """
WITH own (first) AS (
    SELECT number << 32 FROM index_stores WHERE owner = :owner AND backend = :backend AND store = :store
)
SELECT count(*) AS number FROM (
    SELECT 1 FROM passages
    WHERE passages MATCH :query AND rowid BETWEEN (SELECT first FROM own) AND (SELECT first FROM own) + 0xffffffff
    LIMIT :most
)
"""
# The parts of names count half of what stands in the text as it is.
MATCH = """
WITH own (first) AS (
    SELECT number << 32 FROM index_stores WHERE owner = :owner AND backend = :backend AND store = :store
)
SELECT rowid AS id, -bm25(passages, 1.0, 0.5) AS score FROM passages
WHERE passages MATCH :query AND rowid BETWEEN (SELECT first FROM own) AND (SELECT first FROM own) + 0xffffffff
ORDER BY score DESC, rowid LIMIT :limit
"""
MATCH_FILES = """
WITH own (first) AS (
    SELECT number << 32 FROM index_stores WHERE owner = :owner AND backend = :backend AND store = :store
)
SELECT chunks.id AS id, -bm25(passages, 1.0, 0.5) AS score
FROM passages JOIN chunks ON chunks.id = passages.rowid
WHERE passages MATCH :query AND passages.rowid BETWEEN (SELECT first FROM own) AND (SELECT first FROM own) + 0xffffffff
    AND chunks.file_id IN (SELECT value FROM json_each(:ids))
ORDER BY score DESC, chunks.id LIMIT :limit
"""
CHUNKS = """
SELECT id, file_id, ordinal, first_line, last_line, page, text FROM chunks
WHERE owner = :owner AND backend = :backend AND store = :store AND id IN (SELECT value FROM json_each(:ids))
"""

_NAME = re.compile(r"[A-Za-z0-9]*[a-z0-9][A-Z][A-Za-z0-9]*|[A-Z]{2,}[a-z][A-Za-z0-9]*")
_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


MOST_SCORED = 1_000
"""Passages that a search by words scores: each costs some four microseconds."""


class SqliteIndex:
    """``Index`` on SQLite."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._memory = Memory()

    async def files(self, scope: Scope, store: str, file_ids: Sequence[str] | None = None) -> list[IndexedFile]:
        """The store's files by path; with ``file_ids`` those alone."""
        values = {**_store_values(scope, store), "ids": _ids(file_ids)}
        statement = FILES if file_ids is None else SOME_FILES
        return await self._lanes.read(
            lambda connection: [to_file(row) for row in connection.execute(statement, values)]
        )

    async def located(self, scope: Scope, file_ids: Sequence[str]) -> list[IndexedFile]:
        """The caller's indexed files with these ids, in whichever store; one may stand in several."""
        values = {**scope_values(scope), "ids": json.dumps(list(file_ids))}
        return await self._lanes.read(lambda connection: [to_file(row) for row in connection.execute(LOCATED, values)])

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
            first = connection.execute(TOUCH, values).fetchall()[0]["first"]
            connection.execute(REMOVE, values)
            connection.execute(ADD, values)
            last = connection.execute(LAST_ID, {"first": first}).fetchone()["id"]
            connection.executemany(ADD_CHUNK, [{**row, "id": last + n} for n, row in enumerate(rows, 1)])

        await self._lanes.write(write)

    async def drop(self, scope: Scope, store: str, file_ids: Sequence[str]) -> int:
        """Remove files and their passages. Returns how many files went."""
        values = {**_store_values(scope, store), "ids": _ids(file_ids)}

        def write(connection: sqlite3.Connection) -> int:
            connection.execute(TOUCH, values).fetchall()
            return connection.execute(DROP, values).rowcount

        return await self._lanes.write(write)

    async def remove(self, scope: Scope, store: str, path: str) -> None:
        """Remove the file at that path alone; another path with the same file id stays."""
        values = {**_store_values(scope, store), "path": path}

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(TOUCH, values).fetchall()
            connection.execute(REMOVE, values)

        await self._lanes.write(write)

    async def outdate(self, scope: Scope, store: str, *, vectors: bool) -> None:
        """Take every file for changed (its hash becomes empty), and with ``vectors`` forget the passages' vectors."""
        values = _store_values(scope, store)

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(TOUCH, values).fetchall()
            connection.execute(OUTDATE, values)
            if vectors:
                connection.execute(FORGET_VECTORS, values)

        await self._lanes.write(write)

    async def match(
        self, scope: Scope, store: str, words: Sequence[str], limit: int, file_ids: Sequence[str] | None = None
    ) -> list[tuple[int, float]]:
        """Ids and scores (larger is better) of the passages that hold any of ``words``, by BM25, best first."""
        values = {**_store_values(scope, store), "limit": limit, "ids": _ids(file_ids)}
        statement = MATCH if file_ids is None else MATCH_FILES

        def search(connection: sqlite3.Connection) -> list[tuple[int, float]]:
            query = " OR ".join(_rarest(connection, values, match_queries(words)))
            return list(map(tuple, connection.execute(statement, {**values, "query": query}))) if query else []

        return await self._lanes.read(search)

    async def nearest(
        self,
        scope: Scope,
        store: str,
        vector: Sequence[float],
        limit: int,
        file_ids: Sequence[str] | None = None,
    ) -> list[tuple[int, float]]:
        """Ids and cosines of the passages nearest to ``vector``, best first: exact, by the best of each one's own."""
        values = _store_values(scope, store)

        def search(connection: sqlite3.Connection) -> list[tuple[int, float]]:
            return self._memory.of(connection, values, len(vector)).nearest(vector, limit, file_ids)

        return await self._lanes.read(search)

    async def chunks(self, scope: Scope, store: str, ids: Sequence[int]) -> list[Chunk]:
        """The passages with these ids, in the order asked for."""
        values = {**_store_values(scope, store), "ids": _ids(ids)}

        def select(connection: sqlite3.Connection) -> list[Chunk]:
            found = {row["id"]: to_chunk(row) for row in connection.execute(CHUNKS, values)}
            return [found[key] for key in ids if key in found]

        return await self._lanes.read(select)


def _store_values(scope: Scope, store: str) -> Values:
    return {**scope_values(scope), "store": store}


def _ids(ids: Sequence[object] | None) -> str | None:
    return None if ids is None else json.dumps(list(ids))


def match_queries(words: Iterable[str]) -> list[str]:
    """FTS5 queries for passages with each of ``words``, as it is and as the words inside a camelCase name."""
    phrases = dict.fromkeys(phrase for word in words for phrase in (word, _BORDER.sub(" ", word)))
    return [_quoted(phrase) for phrase in phrases if any(map(str.isalnum, phrase))]


def _rarest(connection: sqlite3.Connection, values: Values, queries: Sequence[str]) -> list[str]:
    """The words that tell most, as many as come to ``MOST_SCORED`` passages, and one at least.

    A word that is nearly everywhere moves no passage up, but each passage that has it would be scored.
    """
    if len(queries) < 2:
        return list(queries)
    counted = [
        (connection.execute(COUNT, {**values, "query": query, "most": MOST_SCORED}).fetchone()["number"], place)
        for place, query in enumerate(queries)
    ]
    chosen: list[int] = []
    total = 0
    for number, place in sorted(counted):
        total += number
        if chosen and total > MOST_SCORED:
            break
        chosen.append(place)
    return [queries[place] for place in sorted(chosen)]


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
