"""Ranking passages for queries: each query gives one ranking by words and one by meaning; they are fused."""

import re
from collections import OrderedDict
from collections.abc import Sequence

from anyio import to_thread

from mcp_server.backends.protocol import Backend
from mcp_server.index.fuse import fuse
from mcp_server.index.vectors import Vectors
from mcp_server.model.document import IndexedFile
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

MAX_WORDS = 64
FILTERED = 5_000
"""Passages looked at when only some files are allowed."""
STORES_IN_MEMORY = 4

_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = """
a about an and are as at be been but by can could did do does for from had has have how i if in into is it its me my no
not of on or our she so than that the their them then there these they this to was we were what when where which who
why will with would you your
"""
_SAYS_NOTHING = frozenset(_STOP_WORDS.split())


class Ranking:
    """Keeps the vectors of the stores searched last in memory, until their files change."""

    def __init__(self, backend: Backend, store: Store) -> None:
        self._backend = backend
        self._store = store
        self._vectors: OrderedDict[tuple[Scope, str], tuple[object, Vectors]] = OrderedDict()

    async def best(
        self,
        scope: Scope,
        store_name: str,
        queries: Sequence[str],
        files: Sequence[IndexedFile],
        allowed: frozenset[str],
        limit: int,
    ) -> list[tuple[int, float]]:
        """Passages of the ``allowed`` files (ids) with scores between 0 and 1, best first.

        ``files`` are all of the store's files: while they are the same, so are the vectors.
        """
        rankings = [await self._by_words(scope, store_name, query, files, allowed, limit) for query in queries]
        if self._backend.profile.embeddings:
            embedded = await self._backend.embed(queries)
            vectors = await self._load(scope, store_name, files, len(embedded[0]))
            rankings += [await to_thread.run_sync(vectors.nearest, vector, allowed, limit) for vector in embedded]
        return fuse(rankings)

    async def _by_words(
        self,
        scope: Scope,
        store_name: str,
        query: str,
        files: Sequence[IndexedFile],
        allowed: frozenset[str],
        limit: int,
    ) -> list[int]:
        index = self._store.index
        if len(allowed) == len(files):
            return [found for found, _ in await index.match(scope, store_name, words_of(query), limit)]
        matched = [found for found, _ in await index.match(scope, store_name, words_of(query), FILTERED)]
        chunks = await index.chunks(scope, store_name, matched)
        return [chunk.id for chunk in chunks if chunk.file_id in allowed][:limit]

    async def _load(self, scope: Scope, store_name: str, files: Sequence[IndexedFile], length: int) -> Vectors:
        """The store's vectors; another process may have changed it, so the files are compared."""
        key = (scope, store_name)
        state = (length, [(file.file_id, file.sha256, file.indexed_at) for file in files])
        kept = self._vectors.get(key)
        if kept is None or kept[0] != state:
            rows = await self._store.index.vectors(scope, store_name)
            kept = (state, await to_thread.run_sync(Vectors, rows, length))
            self._vectors[key] = kept
        self._vectors.move_to_end(key)
        if len(self._vectors) > STORES_IN_MEMORY:
            self._vectors.popitem(last=False)
        return kept[1]


def words_of(query: str) -> list[str]:
    """The words to look for, each once; stop words only if there is nothing else."""
    words = list(dict.fromkeys(_WORD.findall(query)))
    telling = [word for word in words if word.casefold() not in _SAYS_NOTHING]
    return (telling or words)[:MAX_WORDS]
