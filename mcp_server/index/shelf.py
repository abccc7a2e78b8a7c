"""One hosted store and the uploaded files in it."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread

from mcp_server.backends.protocol import Backend
from mcp_server.errors import InvalidArgument, NotYet, ServerError, UpstreamError
from mcp_server.files.text import not_text, text_of
from mcp_server.files.uploads import KIND
from mcp_server.index.changes import Tally, Work, work
from mcp_server.model.document import IndexedFile
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

AT_ONCE = 4
ABANDONED = 3_600.0
"""Seconds after which a file that was uploaded and never indexed is no other process's work in progress."""
REFUSED = (400, 413, 415, 422)
"""HTTP statuses that are about the file, not about the backend."""

# A hosted store takes text only under one of these names.
_TEXT_SUFFIXES = ".c .cpp .cs .css .go .html .java .js .json .md .php .py .rb .sh .tex .ts .txt"


class Shelf:
    """What one update does to a hosted store. ``obsolete`` are ids of files that are to be taken out at its end."""

    def __init__(self, backend: Backend, store: Store, scope: Scope, store_name: str, store_id: str) -> None:
        self._backend = backend
        self._store = store
        self._scope = scope
        self._store_name = store_name
        self._store_id = store_id
        self.obsolete: set[str] = set()

    async def indexed(self) -> list[IndexedFile]:
        """The files that are in it; rows of files deleted since are forgotten."""
        ours = {kept.id for kept in await self._uploaded()}
        files = await self._store.index.files(self._scope, self._store_name)
        lost = [file.file_id for file in files if file.file_id not in ours]
        if lost:
            await self._store.index.drop(self._scope, self._store_name, lost)
        return [file for file in files if file.file_id in ours]

    async def fill(
        self, files: Sequence[tuple[Path, IndexedFile | None]], attributes: Mapping[str, Any], tally: Tally
    ) -> None:
        """Bring the files in, a few at once, and take out what is obsolete, even if one of them failed the update."""
        limiter = anyio.CapacityLimiter(AT_ONCE)
        failures: list[ServerError] = []

        async def bring(path: Path, before: IndexedFile | None) -> None:
            async with limiter:
                if failures:
                    return
                try:
                    await self._bring(path, before, attributes, tally)
                except ServerError as error:
                    failures.append(error)

        async with anyio.create_task_group() as group:
            for path, before in files:
                group.start_soon(bring, path, before)
        await self._sweep()
        if failures:
            raise failures[0]

    async def clear(self) -> None:
        """Delete all its files."""
        for kept in await self._uploaded():
            await self._discard(kept)
        files = await self._store.index.files(self._scope, self._store_name)
        await self._store.index.drop(self._scope, self._store_name, [file.file_id for file in files])

    async def _bring(self, path: Path, before: IndexedFile | None, attributes: Mapping[str, Any], tally: Tally) -> None:
        try:
            prepared = await to_thread.run_sync(_prepare, path, before, attributes)
            if prepared is None:
                await tally.count("unchanged", str(path))
                return
            await self._shelve(*prepared)
        except (InvalidArgument, NotYet) as error:
            await tally.fail(str(path), error)
        except UpstreamError as error:
            if error.http_status not in REFUSED:
                raise
            await tally.fail(str(path), error)
        else:
            await tally.count(prepared[0].outcome, str(path))

    async def _shelve(self, wanted: Work, filename: str, content: bytes) -> None:
        file_id = await self._backend.upload(filename, content, "assistants")
        await self._remember(file_id, filename, len(content))
        self.obsolete.add(file_id)
        attached = await self._backend.stores.attach(self._store_id, file_id, dict(wanted.attributes))
        if attached != "completed":
            raise InvalidArgument(f"{wanted.source.path.name} could not be indexed by the backend: {attached}")
        file = wanted.indexed(self._store_name, file_id, time.time())
        await self._store.index.replace(self._scope, file, [])
        if wanted.before is not None:
            self.obsolete.add(wanted.before.file_id)

    async def _remember(self, file_id: str, filename: str, size: int) -> None:
        data = {"filename": filename, "bytes": size, "purpose": "assistants", "vector_store": self._store_name}
        moment = time.time()
        kept = KeptObject(scope=self._scope, kind=KIND, key=file_id, id=file_id, data=data, created_at=moment)
        await self._store.objects.put(kept)

    async def _uploaded(self) -> list[KeptObject]:
        every = await self._store.objects.all(self._scope, KIND)
        return [kept for kept in every if kept.data.get("vector_store") == self._store_name]

    async def _sweep(self) -> None:
        """Take out what was replaced, dropped or refused, and what an update that broke off left behind."""
        indexed = {file.file_id for file in await self._store.index.files(self._scope, self._store_name)}
        abandoned = time.time() - ABANDONED
        for kept in await self._uploaded():
            if kept.id not in indexed and (kept.id in self.obsolete or kept.created_at < abandoned):
                await self._backend.stores.detach(self._store_id, kept.id)
                await self._discard(kept)

    async def _discard(self, kept: KeptObject) -> None:
        await self._backend.delete_file(kept.id)
        await self._store.objects.delete(self._scope, KIND, kept.key)


def _prepare(path: Path, before: IndexedFile | None, attributes: Mapping[str, Any]) -> tuple[Work, str, bytes] | None:
    """What is to be uploaded and under which name; text goes as UTF-8 under a name that the backend knows as text."""
    wanted = work(path, before, attributes)
    if wanted is None:
        return None
    source = wanted.source
    if not source.content:
        raise InvalidArgument(f"{path.name} is empty: there is nothing to search.")
    if source.kind == "image":
        raise not_text(source)
    if source.kind != "text":
        return wanted, path.name, source.content
    filename = path.name if path.suffix.lower() in _TEXT_SUFFIXES.split() else f"{path.name}.txt"
    return wanted, filename, text_of(source).encode()
