"""Which index serves a backend: its own vector stores while it has them, else the embedded one."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from mcp_server.backends.protocol import Backend, Embedder
from mcp_server.errors import UpstreamError
from mcp_server.index import names
from mcp_server.index.embedded import EmbeddedIndex
from mcp_server.index.hosted import HostedIndex
from mcp_server.index.protocol import Chunking, FailedFile, Filing, IndexReport, Progress, SearchIndex, SearchResult
from mcp_server.model.value import JsonObject, Scope
from mcp_server.store.protocol import Store

__all__ = ["Chunking", "FailedFile", "Filing", "IndexReport", "Progress", "SearchIndex", "SearchResult", "open_index"]

T = TypeVar("T")


def open_index(backend: Backend, store: Store, embedder: Callable[[], Embedder | None]) -> SearchIndex:
    """The index of a backend; make one and keep it: it caches.

    ``embedder`` gives who embeds for the embedded index; where nobody does, that searches by words alone.
    """
    return ChosenIndex(backend, store, embedder)


class ChosenIndex:
    """``SearchIndex`` by whichever the backend's profile says, also when that changes on the way."""

    def __init__(self, backend: Backend, store: Store, embedder: Callable[[], Embedder | None]) -> None:
        self._backend = backend
        self._store = store
        self._embedder = embedder
        self._hosted = HostedIndex(backend, store)
        self._embedded: dict[bool, EmbeddedIndex] = {}

    async def update(
        self, scope: Scope, store_name: str, paths: Sequence[Path], filing: Filing, progress: Progress
    ) -> IndexReport:
        """See ``SearchIndex``."""
        return await self._by(scope, store_name, lambda index: index.update(scope, store_name, paths, filing, progress))

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
        return await self._by(
            scope,
            store_name,
            lambda index: index.search(
                scope,
                store_name,
                queries,
                filters=filters,
                max_results=max_results,
                ranking=ranking,
                rewrite=rewrite,
            ),
        )

    async def file_search(
        self,
        scope: Scope,
        store_name: str,
        *,
        filters: JsonObject | None = None,
        max_results: int = 10,
        ranking: JsonObject | None = None,
    ) -> JsonObject | None:
        """See ``SearchIndex``."""
        return await self._by(
            scope,
            store_name,
            lambda index: index.file_search(
                scope, store_name, filters=filters, max_results=max_results, ranking=ranking
            ),
        )

    async def delete(self, scope: Scope, store_name: str) -> bool:
        """See ``SearchIndex``."""
        return await self._by(scope, store_name, lambda index: index.delete(scope, store_name))

    async def _by(self, scope: Scope, store_name: str, ask: Callable[[SearchIndex], Awaitable[T]]) -> T:
        while True:
            serving = await self.serving(scope, store_name)
            try:
                return await ask(serving)
            except UpstreamError as error:
                if error.corrected and serving is self._hosted and not self._backend.profile.files:
                    await self._give_up(scope, store_name)
                # Each time the profile has one thing less: first the stores, then the embeddings for our own index.
                if not error.corrected or await self.serving(scope, store_name) is serving:
                    raise

    async def serving(self, scope: Scope, store_name: str) -> SearchIndex:
        """The one that has the store of that name, or would get it."""
        profile, kept = self._backend.profile, await self._store.objects.get(scope, names.KIND, store_name)
        # Where it was made, there it stays, whatever is found out of the backend.
        if kept.id != kept.key if kept else profile.vector_stores and profile.files:
            return self._hosted
        # Who embeds depends on the backend too.
        if profile.embeddings not in self._embedded:
            self._embedded[profile.embeddings] = EmbeddedIndex(self._embedder(), self._store)
        return self._embedded[profile.embeddings]

    async def _give_up(self, scope: Scope, store_name: str) -> None:
        """Delete a hosted store that no file has come into, where none can: it is made here instead."""
        if not await self._store.index.files(scope, store_name):
            await self._hosted.delete(scope, store_name)
