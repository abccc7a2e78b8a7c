"""The embedded index: BM25 over words, cosine over vectors where the backend embeds, fused by rank."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anyio import to_thread

from mcp_server.backends.protocol import Backend
from mcp_server.index import names
from mcp_server.index.changes import Tally, changes
from mcp_server.index.chunk import overlap
from mcp_server.index.filters import check_attributes, check_filters, matches
from mcp_server.index.intake import Intake
from mcp_server.index.locks import Locks
from mcp_server.index.protocol import IndexReport, Progress, SearchResult
from mcp_server.index.ranking import Ranking
from mcp_server.model.document import Chunk, IndexedFile, Passage
from mcp_server.model.value import JsonObject, Scope
from mcp_server.store.protocol import Store

CANDIDATES = 8
"""Passages looked at per result wanted: overlapping ones fall out."""


class EmbeddedIndex:
    """``SearchIndex`` on the store's own passages. ``rewrite`` has nobody here to do it."""

    def __init__(self, backend: Backend, store: Store) -> None:
        self._backend = backend
        self._store = store
        self._locks = Locks()
        self._ranking = Ranking(backend, store)

    async def update(
        self, scope: Scope, store_name: str, paths: Sequence[Path], attributes: Mapping[str, Any], progress: Progress
    ) -> IndexReport:
        """See ``SearchIndex``."""
        check_attributes(attributes)
        async with self._locks.of(scope, store_name):
            if await self._store.objects.get(scope, names.KIND, store_name) is None:
                await names.remember(self._store, scope, store_name, store_name, {"embedded": True})
            indexed = await self._store.index.files(scope, store_name)
            found = await to_thread.run_sync(changes, paths, indexed)
            tally = Tally(len(found.files) + len(found.gone), progress)
            for gone in found.gone:
                await self._store.index.drop(scope, store_name, [gone.file_id])
                await tally.count("removed", gone.path)
            intake = Intake(self._backend, self._store, scope, store_name, tally)
            for path, before in found.files:
                await intake.take(path, before, attributes)
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
        score_threshold: float | None = None,
        rewrite: bool = False,
    ) -> SearchResult:
        """See ``SearchIndex``."""
        del rewrite
        if filters is not None:
            check_filters(filters)
        await names.known(self._store, scope, store_name)
        files = await self._store.index.files(scope, store_name)
        allowed = {file.file_id: file for file in files if filters is None or matches(filters, file.attributes)}
        ranked = await self._ranking.best(
            scope, store_name, queries, files, frozenset(allowed), CANDIDATES * max_results
        )
        scores = {chunk: score for chunk, score in ranked if score_threshold is None or score >= score_threshold}
        chunks = _distinct(await self._store.index.chunks(scope, store_name, list(scores)), max_results)
        passages = [_passage(chunk, allowed[chunk.file_id], scores[chunk.id]) for chunk in chunks]
        return SearchResult(passages=passages, queries=list(queries))

    async def delete(self, scope: Scope, store_name: str) -> bool:
        """See ``SearchIndex``."""
        async with self._locks.of(scope, store_name):
            files = await self._store.index.files(scope, store_name)
            await self._store.index.drop(scope, store_name, [file.file_id for file in files])
            return await self._store.objects.delete(scope, names.KIND, store_name)


def _distinct(chunks: Sequence[Chunk], limit: int) -> list[Chunk]:
    """The first ones, without those that repeat text of a better one."""
    chosen: list[Chunk] = []
    for chunk in chunks:
        if len(chosen) == limit:
            break
        if not any(chunk.file_id == better.file_id and overlap(chunk, better) for better in chosen):
            chosen.append(chunk)
    return chosen


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
