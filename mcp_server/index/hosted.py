"""Vector stores kept by the backend: what is in them stands in our store too, so that only changes are sent."""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import anyio
from anyio import to_thread

from mcp_server.backends.protocol import Backend
from mcp_server.errors import InvalidArgument, NotThere, UpstreamError
from mcp_server.files.uploads import Uploads, finished
from mcp_server.index import names
from mcp_server.index.changes import Tally, changes
from mcp_server.index.filters import check_filing, check_filters
from mcp_server.index.holdings import Holdings
from mcp_server.index.locks import Locks
from mcp_server.index.origins import led_back
from mcp_server.index.pacing import Clock, Pace, Patience, Sleep
from mcp_server.index.protocol import Filing, IndexReport, Progress, SearchResult
from mcp_server.index.shelf import Shelf, StoreGone
from mcp_server.model.document import Passage
from mcp_server.model.session import KeptObject
from mcp_server.model.value import JsonObject, Scope
from mcp_server.store.protocol import Store

ID_PREFIX = "vs_"
FRESH_SECONDS = 60.0
"""A store that was filled less than this ago may answer empty although its files are indexed."""
LOOKS = (0.25, 0.5, 1.0, 1.25, 2.0)
"""Seconds between the searches of such a store."""


class HostedIndex:
    """``SearchIndex`` on the backend's vector stores. A ``vs_…`` id may be searched without being ours."""

    def __init__(
        self, backend: Backend, store: Store, *, clock: Clock = time.monotonic, sleep: Sleep = anyio.sleep
    ) -> None:
        self._backend = backend
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._locks = Locks()
        self._uploads = Uploads()
        self._paces: defaultdict[str, Pace] = defaultdict(lambda: Pace(clock=clock, sleep=sleep))
        self._filled: dict[str, float] = {}

    async def update(
        self, scope: Scope, store_name: str, paths: Sequence[Path], filing: Filing, progress: Progress
    ) -> IndexReport:
        """See ``SearchIndex``. Raises ``InvalidArgument`` for a ``vs_…`` id, which says nothing about our files."""
        check_filing(filing)
        if store_name.startswith(ID_PREFIX):
            raise InvalidArgument(f"{store_name} is an id, and files are indexed into a named store: give a name.")
        async with self._locks.of(scope, store_name):
            kept = await self._open(scope, store_name, filing)
            try:
                return await self._fill(kept, paths, filing, progress)
            except StoreGone:
                return await self._fill(await self._anew(kept, filing), paths, filing, progress)

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
        options = _options(filters, max_results, ranking)
        if rewrite:
            options["rewrite_query"] = True
        name, store_id = await self._find(scope, store_name)
        try:
            found, searched = await self._searched(store_id, queries, options)
        except UpstreamError as error:
            if error.http_status not in (400, 404) or await self._backend.stores.alive(store_id):
                raise
            raise _gone(store_name) from error
        passages = await led_back(self._store, scope, found, name)
        return SearchResult(passages=passages, queries=searched, vector_store_id=store_id)

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
        options = _options(filters, max_results, ranking)
        _, store_id = await self._find(scope, store_name)
        if "file_search" not in self._backend.profile.hosted_tools:
            return None
        return {"type": "file_search", "vector_store_ids": [store_id], **options}

    async def delete(self, scope: Scope, store_name: str) -> bool:
        """See ``SearchIndex``."""
        async with self._locks.of(scope, store_name):
            kept = await self._store.objects.get(scope, names.KIND, store_name)
            if kept is None:
                return False
            there = await self._backend.stores.delete(kept.id)
            await Holdings(self._backend, self._store, kept, self._patience()).clear()
            await self._store.objects.delete(scope, names.KIND, store_name)
            return there

    async def _open(self, scope: Scope, store_name: str, filing: Filing) -> KeptObject:
        """The store of that name as ``filing`` wants it, made if there is none, made anew if it is gone upstream."""
        kept = await self._store.objects.get(scope, names.KIND, store_name)
        if kept is None:
            return await self._made(scope, store_name, filing)
        if not await self._backend.stores.alive(kept.id):
            return await self._anew(kept, filing)
        data = {**kept.data, **_wishes(filing)}
        if data.get("expires_days") != kept.data.get("expires_days"):
            await self._backend.stores.expire(kept.id, data["expires_days"])
        if data.get("chunking") != kept.data.get("chunking"):
            data["unsettled"] = True
        return kept if data == kept.data else await self._keep(kept, data)

    async def _made(self, scope: Scope, store_name: str, filing: Filing) -> KeptObject:
        async def make() -> KeptObject:
            store_id = await self._backend.stores.create(store_name, expires_days=filing.expires_days)
            made = names.named(scope, store_name, store_id, _wishes(filing))
            standing = await self._store.objects.add(made)
            if standing.id != store_id:
                # Another process made one of this name at the same time.
                await self._backend.stores.delete(store_id)
            return standing

        return await finished(make)

    async def _anew(self, kept: KeptObject, filing: Filing) -> KeptObject:
        """A new store in place of one that is gone; all its files are still to be attached."""
        data = {**kept.data, **_wishes(filing), "unsettled": True}

        async def make() -> KeptObject:
            store_id = await self._backend.stores.create(kept.key, expires_days=data.get("expires_days"))
            return await self._keep(kept.model_copy(update={"id": store_id}), data)

        return await finished(make)

    async def _keep(self, kept: KeptObject, data: JsonObject) -> KeptObject:
        changed = kept.model_copy(update={"data": data})
        await self._store.objects.put(changed)
        return changed

    async def _fill(self, kept: KeptObject, paths: Sequence[Path], filing: Filing, progress: Progress) -> IndexReport:
        done = total = 0

        async def count(now: int, of: int, message: str) -> None:
            nonlocal done, total
            done, total = now, of
            await progress(now, of, message)

        async def say(message: str) -> None:
            await progress(done, total, message)

        patience = Patience(say, clock=self._clock, sleep=self._sleep)
        shelf = Shelf(self._backend, self._store, kept, self._uploads, self._paces[kept.id], patience)
        found = await to_thread.run_sync(changes, paths, await shelf.load())
        tally = Tally(len(found.files) + len(found.gone), count)
        try:
            if kept.data.get("unsettled"):
                await shelf.refit()
                await self._keep(kept, {name: value for name, value in kept.data.items() if name != "unsettled"})
            for gone in found.gone:
                await shelf.take_out(gone)
                await tally.count("removed", gone.path)
            await shelf.fill([path for path, _ in found.files], filing.attributes, tally)
        finally:
            if shelf.attached:
                self._filled[kept.id] = self._clock()
        return tally.report()

    async def _searched(
        self, store_id: str, queries: Sequence[str], options: JsonObject
    ) -> tuple[list[Passage], list[str]]:
        """Search; a store that was filled just now and answers empty without a reason is asked again."""
        filled = self._filled.get(store_id)
        reason = options.get("filters") or options.get("ranking_options", {}).get("score_threshold")
        fresh = filled is not None and self._clock() - filled < FRESH_SECONDS and not reason
        found = await self._backend.stores.search(store_id, queries, options)
        for pause in LOOKS if fresh else ():
            if found[0]:
                break
            await self._sleep(pause)
            found = await self._backend.stores.search(store_id, queries, options)
        return found

    async def _find(self, scope: Scope, store_name: str) -> tuple[str, str]:
        """Its name and id; of a store that is not ours only the id is known."""
        if not store_name.startswith(ID_PREFIX):
            kept = await names.known(self._store, scope, store_name)
            return kept.key, kept.id
        ours = [one.key for one in await self._store.objects.all(scope, names.KIND) if one.id == store_name]
        return (ours[0] if ours else store_name), store_name

    def _patience(self) -> Patience:
        async def unheard(message: str) -> None:
            del message

        return Patience(unheard, clock=self._clock, sleep=self._sleep)


def _options(filters: JsonObject | None, max_results: int, ranking: JsonObject | None) -> JsonObject:
    """Parameters that a search and the ``file_search`` tool share."""
    options: JsonObject = {"max_num_results": max_results}
    if filters is not None:
        check_filters(filters)
        options["filters"] = filters
    if ranking:
        options["ranking_options"] = ranking
    return options


def _wishes(filing: Filing) -> JsonObject:
    """What of the filing belongs to the store as a whole."""
    wishes: JsonObject = {}
    if filing.chunking is not None:
        wishes["chunking"] = [filing.chunking.tokens, filing.chunking.overlap]
    if filing.expires_days is not None:
        wishes["expires_days"] = filing.expires_days
    return wishes


def _gone(store_name: str) -> NotThere:
    if store_name.startswith(ID_PREFIX):
        return NotThere(f"The upstream has no vector store {store_name}: check the id, or make one by name with paths.")
    return NotThere(
        f"The store {store_name!r} is gone upstream (deleted or expired): call again with paths to make it anew."
    )
