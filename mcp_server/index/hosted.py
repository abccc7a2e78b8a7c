"""Vector stores kept by the backend: what is in them stands in our store too, so that only changes are sent.

A file that was uploaded is remembered before it is attached; whatever is remembered but not indexed in the end is taken
out and deleted, in this update or in a later one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anyio import to_thread

from mcp_server.backends.protocol import Backend
from mcp_server.errors import InvalidArgument
from mcp_server.index import names
from mcp_server.index.changes import Tally, changes
from mcp_server.index.filters import check_attributes, check_filters
from mcp_server.index.locks import Locks
from mcp_server.index.protocol import IndexReport, Progress, SearchResult
from mcp_server.index.shelf import Shelf
from mcp_server.model.document import IndexedFile, Passage
from mcp_server.model.value import JsonObject, Scope
from mcp_server.store.protocol import Store

ID_PREFIX = "vs_"


class HostedIndex:
    """``SearchIndex`` on the backend's vector stores. A ``vs_…`` id may be searched without being ours."""

    def __init__(self, backend: Backend, store: Store) -> None:
        self._backend = backend
        self._store = store
        self._locks = Locks()

    async def update(
        self, scope: Scope, store_name: str, paths: Sequence[Path], attributes: Mapping[str, Any], progress: Progress
    ) -> IndexReport:
        """See ``SearchIndex``. Raises ``InvalidArgument`` for a ``vs_…`` id, which says nothing about our files."""
        check_attributes(attributes)
        if store_name.startswith(ID_PREFIX):
            raise InvalidArgument(f"{store_name} is an id, and files are indexed into a named store: give a name.")
        async with self._locks.of(scope, store_name):
            shelf = Shelf(self._backend, self._store, scope, store_name, await self._open(scope, store_name))
            found = await to_thread.run_sync(changes, paths, await shelf.indexed())
            tally = Tally(len(found.files) + len(found.gone), progress)
            for gone in found.gone:
                await self._store.index.drop(scope, store_name, [gone.file_id])
                shelf.obsolete.add(gone.file_id)
                await tally.count("removed", gone.path)
            await shelf.fill(found.files, attributes, tally)
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
        options: JsonObject = {"max_num_results": max_results}
        if filters is not None:
            check_filters(filters)
            options["filters"] = filters
        if score_threshold is not None:
            options["ranking_options"] = {"score_threshold": score_threshold}
        if rewrite:
            options["rewrite_query"] = True
        name, store_id = await self._find(scope, store_name)
        found, searched = await self._backend.stores.search(store_id, queries, options)
        files = {file.file_id: file for file in await self._store.index.files(scope, name)}
        return SearchResult(passages=[_local(one, files.get(one.file_id)) for one in found], queries=searched)

    async def delete(self, scope: Scope, store_name: str) -> bool:
        """See ``SearchIndex``."""
        async with self._locks.of(scope, store_name):
            kept = await self._store.objects.get(scope, names.KIND, store_name)
            if kept is None:
                return False
            there = await self._backend.stores.delete(kept.id)
            await Shelf(self._backend, self._store, scope, store_name, kept.id).clear()
            await self._store.objects.delete(scope, names.KIND, store_name)
            return there

    async def _open(self, scope: Scope, store_name: str) -> str:
        kept = await self._store.objects.get(scope, names.KIND, store_name)
        if kept is not None:
            return kept.id
        store_id = await self._backend.stores.create(store_name)
        await names.remember(self._store, scope, store_name, store_id, {})
        return store_id

    async def _find(self, scope: Scope, store_name: str) -> tuple[str, str]:
        """Its name and id; of a store that is not ours only the id is known."""
        if not store_name.startswith(ID_PREFIX):
            kept = await names.known(self._store, scope, store_name)
            return kept.key, kept.id
        ours = [one.key for one in await self._store.objects.all(scope, names.KIND) if one.id == store_name]
        return (ours[0] if ours else store_name), store_name


def _local(passage: Passage, file: IndexedFile | None) -> Passage:
    """The passage under the name and path of the local file it came from."""
    if file is None:
        return passage
    named = {"filename": Path(file.path).name, "path": file.path}
    return passage.model_copy(update={**named, "attributes": passage.attributes or file.attributes})
