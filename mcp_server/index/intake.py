"""Takes files into the embedded index: read, cut, embedded together with their neighbours, and put into the store."""

import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from anyio import to_thread

from mcp_server.backends.protocol import Embedder
from mcp_server.errors import InvalidArgument, ServerError, UpstreamError
from mcp_server.files.extract import extract
from mcp_server.index.changes import Tally, Work, work
from mcp_server.index.chunk import Cut, page_chunks, text_chunks
from mcp_server.index.pacing import Patience
from mcp_server.index.protocol import Chunking
from mcp_server.index.vectors import packed
from mcp_server.model.document import IndexedFile
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

BATCH = 64
"""Pieces embedded with one request."""
REFUSED = (400, 413, 415, 422)
"""HTTP statuses that are about a text, not about the backend."""


class Prepared(NamedTuple):
    """A file that only has to be embedded."""

    work: Work
    file_id: str
    cut: Cut


class Intake:
    """One update's way of files into a store. A file is put there when all of it is embedded."""

    def __init__(
        self,
        embedder: Embedder | None,
        store: Store,
        scope: Scope,
        store_name: str,
        chunking: Chunking,
        tally: Tally,
        patience: Patience,
    ) -> None:
        self._embedder = embedder
        self._store = store
        self._scope = scope
        self._store_name = store_name
        self._chunking = chunking
        self._tally = tally
        self._patience = patience
        self._waiting: list[Prepared] = []

    async def take(self, path: Path, before: IndexedFile | None, attributes: Mapping[str, Any]) -> None:
        """Take one file; small ones wait for each other, so that few requests embed many."""
        try:
            prepared = await self._prepare(path, before, attributes)
        except InvalidArgument as error:
            await self._refuse(path, before, error)
            return
        if prepared is None:
            await self._tally.count("unchanged", str(path))
            return
        if sum(len(one.cut.pieces) for one in (*self._waiting, prepared)) > BATCH:
            await self.flush()
        self._waiting.append(prepared)

    async def flush(self) -> None:
        """Embed and put what waits."""
        waiting, self._waiting = self._waiting, []
        await self._put(waiting)

    async def _prepare(self, path: Path, before: IndexedFile | None, attributes: Mapping[str, Any]) -> Prepared | None:
        changed = await to_thread.run_sync(work, path, before, attributes)
        if changed is None:
            return None
        reading = await extract(changed.source)
        file_id = _file_id(self._store_name, path)
        if reading.pages is None:
            cut = await to_thread.run_sync(text_chunks, file_id, reading.text, self._chunking)
        else:
            cut = await to_thread.run_sync(page_chunks, file_id, reading.pages, self._chunking)
        return Prepared(changed, file_id, cut)

    async def _put(self, files: Sequence[Prepared]) -> None:
        try:
            vectors = await self._embed([_told(file, piece) for file in files for piece in file.cut.pieces])
        except UpstreamError as error:
            if error.http_status not in REFUSED:
                raise
            if len(files) == 1:
                await self._refuse(files[0].work.source.path, files[0].work.before, error)
                return
            for file in files:  # one of them is the reason; the others must not suffer for it
                await self._put([file])
            return
        for file in files:
            own, vectors = vectors[: len(file.cut.pieces)], vectors[len(file.cut.pieces) :]
            row = file.work.indexed(self._store_name, file.file_id, time.time())
            by_chunk = [packed([own[place] for place in places]) for places in file.cut.places] if own else []
            await self._store.index.replace(self._scope, row, file.cut.chunks, by_chunk)
            await self._tally.count(file.work.outcome, row.path)

    async def _refuse(self, path: Path, before: IndexedFile | None, error: ServerError) -> None:
        """A file cannot be indexed: what is there of it is not what it says any more."""
        if before is not None:
            await self._store.index.remove(self._scope, self._store_name, before.path)
        await self._tally.fail(str(path), error)

    async def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        if self._embedder:
            async with aclosing(self._embedder.prepare_to_embed()) as notes:
                async for note in notes:
                    await self._tally.say(note)
            for start in range(0, len(texts), BATCH):
                await self._tally.say(f"passages to embed: {len(texts) - start}")
                embed = partial(self._embedder.embed, texts[start : start + BATCH])
                vectors += await self._patience.through(embed)
        return vectors


def _told(file: Prepared, piece: str) -> str:
    """A piece as it is embedded: below its file's name and folders, which often say what it is about."""
    return "/".join(file.work.source.path.parts[-3:]) + "\n" + piece


def _file_id(store_name: str, path: Path) -> str:
    """The same for the same file of the same store, so that results of two searches can be compared."""
    return "indexed_" + sha256(f"{store_name}\n{path}".encode()).hexdigest()[:24]
