"""Takes files into the embedded index: read, cut, embedded together with their neighbours, and put into the store."""

import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from anyio import to_thread

from mcp_server.backends.protocol import Backend
from mcp_server.errors import InvalidArgument, NotYet
from mcp_server.files.text import pages_of, text_of
from mcp_server.index.changes import Tally, Work, work
from mcp_server.index.chunk import page_chunks, text_chunks
from mcp_server.index.vectors import packed
from mcp_server.model.document import Chunk, IndexedFile
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

BATCH = 64
"""Passages embedded with one request."""


class Cut(NamedTuple):
    """A file that only has to be embedded."""

    work: Work
    file_id: str
    chunks: list[Chunk]


class Intake:
    """One update's way of files into a store. A file is put there when all its passages are embedded."""

    def __init__(self, backend: Backend, store: Store, scope: Scope, store_name: str, tally: Tally) -> None:
        self._backend = backend
        self._store = store
        self._scope = scope
        self._store_name = store_name
        self._tally = tally
        self._waiting: list[Cut] = []

    async def take(self, path: Path, before: IndexedFile | None, attributes: Mapping[str, Any]) -> None:
        """Take one file; small ones wait for each other, so that few requests embed many."""
        file_id = _file_id(self._store_name, path)
        try:
            cut = await to_thread.run_sync(_cut, path, before, attributes, file_id)
        except (InvalidArgument, NotYet) as error:
            await self._tally.fail(str(path), error)
            return
        if cut is None:
            await self._tally.count("unchanged", str(path))
            return
        if self._passages() + len(cut.chunks) > BATCH:
            await self.flush()
        self._waiting.append(cut)

    async def flush(self) -> None:
        """Embed and put what waits."""
        waiting, self._waiting = self._waiting, []
        vectors = await self._embed([chunk.text for cut in waiting for chunk in cut.chunks])
        for cut in waiting:
            own, vectors = vectors[: len(cut.chunks)], vectors[len(cut.chunks) :]
            file = cut.work.indexed(self._store_name, cut.file_id, time.time())
            await self._store.index.replace(self._scope, file, cut.chunks, own)
            await self._tally.count(cut.work.outcome, file.path)

    async def _embed(self, texts: Sequence[str]) -> list[bytes]:
        if not self._backend.profile.embeddings:
            return []
        vectors: list[bytes] = []
        for start in range(0, len(texts), BATCH):
            embedded = await self._backend.embed(texts[start : start + BATCH])
            vectors += [packed(vector) for vector in embedded]
        return vectors

    def _passages(self) -> int:
        return sum(len(cut.chunks) for cut in self._waiting)


def _cut(path: Path, before: IndexedFile | None, attributes: Mapping[str, Any], file_id: str) -> Cut | None:
    changed = work(path, before, attributes)
    if changed is None:
        return None
    if changed.source.kind == "pdf":
        return Cut(changed, file_id, page_chunks(file_id, pages_of(changed.source)))
    return Cut(changed, file_id, text_chunks(file_id, text_of(changed.source)))


def _file_id(store_name: str, path: Path) -> str:
    """The same for the same file of the same store, so that results of two searches can be compared."""
    return "indexed_" + sha256(f"{store_name}\n{path}".encode()).hexdigest()[:24]
