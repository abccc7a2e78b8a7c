"""The embedded index: BM25 over words, cosine over vectors where somebody embeds, fused by rank."""

import time
from collections.abc import Sequence
from pathlib import Path

import anyio
from anyio import to_thread

from mcp_server.backends.protocol import Embedder
from mcp_server.errors import extra
from mcp_server.index import names
from mcp_server.index.changes import Tally, changes
from mcp_server.index.chunk import overlap
from mcp_server.index.filters import check_filing, check_filters, matches
from mcp_server.index.intake import Intake
from mcp_server.index.locks import Locks
from mcp_server.index.pacing import Clock, Patience, Sleep
from mcp_server.index.protocol import Chunking, Filing, IndexReport, Progress, SearchResult
from mcp_server.index.ranking import best
from mcp_server.model.document import Chunk, IndexedFile, Passage
from mcp_server.model.session import KeptObject
from mcp_server.model.value import JsonObject, Scope
from mcp_server.store.protocol import Store

CANDIDATES = 8
"""Passages ranked per result wanted: overlapping ones fall out."""
FEWEST_CANDIDATES = 80
"""Passages ranked however few are wanted: one that both rankings have must be in both to come out first."""
DAY = 86_400.0
HOUR = 3_600.0

NOBODY_EMBEDS = (
    f"Searched by words alone, because nothing here embeds text: run {extra('local')}, or use a backend with "
    "embeddings, to search by meaning too."
)


class EmbeddedIndex:
    """``SearchIndex`` on the store's own passages. ``rewrite`` has nobody here to do it."""

    def __init__(
        self,
        embedder: Embedder | None,
        store: Store,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self._embedder = embedder
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._locks = Locks()

    async def update(
        self, scope: Scope, store_name: str, paths: Sequence[Path], filing: Filing, progress: Progress
    ) -> IndexReport:
        """See ``SearchIndex``."""
        check_filing(filing)
        async with self._locks.of(scope, store_name):
            chunking = await self._open(scope, store_name, filing)
            indexed = await self._store.index.files(scope, store_name)
            found = await to_thread.run_sync(changes, paths, indexed)
            tally = Tally(len(found.files) + len(found.gone), progress)
            for gone in found.gone:
                await self._store.index.drop(scope, store_name, [gone.file_id])
                await tally.count("removed", gone.path)
            patience = Patience(tally.say, clock=self._clock, sleep=self._sleep)
            intake = Intake(self._embedder, self._store, scope, store_name, chunking, tally, patience)
            for path, before in found.files:
                await intake.take(path, before, filing.attributes)
            await intake.flush()
            return tally.report()

    async def search(
        self,
        scope: Scope,
        store_name: str,
        queries: Sequence[str],
        *,
        filters: JsonObject | None = None,
        max_results: int = 10,
        ranking: JsonObject | None = None,
        rewrite: bool = False,
    ) -> SearchResult:
        """See ``SearchIndex``."""
        del rewrite
        if filters is not None:
            check_filters(filters)
        kept = await self._known(scope, store_name)
        embedder, warnings = await self._embedder_for(kept)
        index, limit = self._store.index, max(CANDIDATES * max_results, FEWEST_CANDIDATES)
        allowed: list[str] | None = None
        if filters is not None:
            files = await index.files(scope, store_name)
            allowed = [file.file_id for file in files if matches(filters, file.attributes)]
        threshold: float = (ranking or {}).get("score_threshold") or 0.0
        ranked = await best(index, embedder, scope, store_name, queries, limit, allowed)
        scores = {chunk: score for chunk, score in ranked if score >= threshold}
        chunks = await self._distinct(scope, store_name, list(scores), max_results)
        of_chunks = await index.files(scope, store_name, list({chunk.file_id for chunk in chunks}))
        by_id = {file.file_id: file for file in of_chunks}
        # A file that another process has just taken out is not there any more.
        passages = [
            _passage(chunk, by_id[chunk.file_id], scores[chunk.id]) for chunk in chunks if chunk.file_id in by_id
        ]
        return SearchResult(passages=passages, queries=list(queries), warnings=warnings)

    async def file_search(
        self,
        scope: Scope,
        store_name: str,
        *,
        filters: JsonObject | None = None,
        max_results: int = 10,
        ranking: JsonObject | None = None,
    ) -> JsonObject | None:
        """See ``SearchIndex``: no backend can look in here."""
        del filters, max_results, ranking
        await self._known(scope, store_name)
        return None

    async def delete(self, scope: Scope, store_name: str) -> bool:
        """See ``SearchIndex``."""
        async with self._locks.of(scope, store_name):
            return await self._forget(scope, store_name)

    async def _open(self, scope: Scope, store_name: str, filing: Filing) -> Chunking:
        """Keep how the store is filed, and take all its files for changed when it was done otherwise until now.

        In this order, so that an update that breaks off here begins here again.
        """
        kept = await self._store.objects.get(scope, names.KIND, store_name)
        if kept is None:
            await self._forget(scope, store_name)  # what an expired one may have left
            now = time.time()
            kept = KeptObject(scope=scope, kind=names.KIND, key=store_name, id=store_name, created_at=now)
        before, model = kept.data, await self._model()
        chunking = filing.chunking or Chunking(**before.get("chunking", {}))
        # Without a model the vectors that are there may be right again later.
        other_model = model is not None and model != before.get("model")
        if other_model or chunking != Chunking(**before.get("chunking", {})):
            await self._store.index.outdate(scope, store_name, vectors=other_model)
        data: JsonObject = {
            "embedded": True,
            "model": model,
            "chunking": chunking.model_dump(),
            "expires_days": filing.expires_days or before.get("expires_days"),
        }
        await self._store.objects.put(kept.model_copy(update={"data": data, "expires_at": _expiry(data)}))
        return chunking

    async def _known(self, scope: Scope, store_name: str) -> KeptObject:
        """The store, which is used now.

        Raises:
            NotThere: the caller has no such store (any more).
        """
        kept = await self._store.objects.get(scope, names.KIND, store_name)
        if kept is None:
            async with self._locks.of(scope, store_name):
                if await self._store.objects.get(scope, names.KIND, store_name) is None:
                    await self._forget(scope, store_name)
            kept = await names.known(self._store, scope, store_name)
        expiry = _expiry(kept.data)
        if expiry and expiry - (kept.expires_at or 0.0) > HOUR:
            await self._store.objects.put(kept.model_copy(update={"expires_at": expiry}))
        return kept

    async def _forget(self, scope: Scope, store_name: str) -> bool:
        files = await self._store.index.files(scope, store_name)
        if files:
            await self._store.index.drop(scope, store_name, [file.file_id for file in files])
        return await self._store.objects.delete(scope, names.KIND, store_name)

    async def _model(self) -> str | None:
        return await self._embedder.embedding_model() if self._embedder else None

    async def _embedder_for(self, kept: KeptObject) -> tuple[Embedder | None, list[str]]:
        """Who embeds queries for the store, and why nobody does."""
        if self._embedder is None:
            return None, [NOBODY_EMBEDS]
        made, now = kept.data.get("model"), await self._model()
        if made == now:
            return self._embedder, []
        by = f"with {made}" if made else "without vectors"
        return None, [f"Searched by words alone: the store was made {by}; give its paths again to use {now}."]

    async def _distinct(self, scope: Scope, store_name: str, ids: Sequence[int], limit: int) -> list[Chunk]:
        """The first ones, without those that repeat text of a better one; no more are read than needed."""
        chosen: list[Chunk] = []
        for start in range(0, len(ids), limit):
            for chunk in await self._store.index.chunks(scope, store_name, ids[start : start + limit]):
                if not any(chunk.file_id == better.file_id and overlap(chunk, better) for better in chosen):
                    chosen.append(chunk)
            if len(chosen) >= limit:
                break
        return chosen[:limit]


def _expiry(data: JsonObject) -> float | None:
    days = data.get("expires_days")
    return time.time() + days * DAY if days else None


def _passage(chunk: Chunk, file: IndexedFile, score: float) -> Passage:
    return Passage(
        file_id=chunk.file_id,
        filename=Path(file.path).name,
        path=file.path,
        score=score,
        text=chunk.text,
        attributes=file.attributes,
        lines=_lines(chunk),
        page=chunk.page,
    )


def _lines(chunk: Chunk) -> str | None:
    if chunk.first_line is None:
        return None
    one = chunk.first_line == chunk.last_line
    return str(chunk.first_line) if one else f"{chunk.first_line}-{chunk.last_line}"
