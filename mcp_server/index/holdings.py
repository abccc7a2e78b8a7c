"""Which uploaded files the hosted stores of a caller hold, and what becomes of those that none holds.

A file that may be in a store without being indexed (not yet, or not any more) is written down as loose before anything
is done to it, so that an update that broke off is taken up by the next one. Stores share what was uploaded: a file is
deleted when no store of the caller's holds it.
"""

import time

import anyio

from mcp_server.backends.protocol import Backend
from mcp_server.files.uploads import KIND
from mcp_server.index.pacing import Patience, each
from mcp_server.model.document import IndexedFile
from mcp_server.model.session import KeptObject
from mcp_server.store.protocol import Store

LOOSE = "loose_file"
ABANDONED = 3_600.0
"""Seconds after which a file that was uploaded and never indexed is no other process's work in progress."""


class Holdings:
    """What the store ``kept`` holds, and what it lets go."""

    def __init__(self, backend: Backend, store: Store, kept: KeptObject, patience: Patience) -> None:
        self._backend = backend
        self._store = store
        self._scope, self._name, self._id = kept.scope, kept.key, kept.id
        self._patience = patience

    async def loosen(self, file_id: str, path: str, *, obsolete: bool) -> None:
        """Write down that the file may be in the store without being indexed, or, ``obsolete``, that it is to go."""
        data = {"store": self._name, "path": path, "obsolete": obsolete}
        key = f"{file_id} {self._name}"
        await self._store.objects.put(
            KeptObject(scope=self._scope, kind=LOOSE, key=key, id=file_id, data=data, created_at=time.time())
        )

    async def settle(self, file_id: str) -> None:
        """It is indexed."""
        await self._store.objects.delete(self._scope, LOOSE, f"{file_id} {self._name}")

    async def sweep(self) -> None:
        """Take out what was replaced, dropped or refused, and what an update that broke off left behind."""
        loose, kept, abandoned = await self._loose(), await self._kept(), time.time() - ABANDONED
        files = await self._store.index.files(self._scope, self._name)
        indexed = {file.file_id for file in files}
        rows = {file.path: file for file in files}

        async def take_out(one: KeptObject) -> None:
            if one.id not in indexed:
                given_up = one.data["obsolete"] or one.created_at < abandoned
                if not (given_up or await _outdated(one, rows)):
                    return
                await self._patience.through(lambda: self._backend.stores.detach(self._id, one.id))
                await self._release(one.id, kept)
            await self._store.objects.delete(self._scope, LOOSE, one.key)

        await each([one for one in loose if one.data["store"] == self._name], take_out)
        await self._drop_unused(kept, {one.id for one in loose} | indexed, abandoned)

    async def clear(self) -> None:
        """Let all files go; the store itself is gone already."""
        loose = [one for one in await self._loose() if one.data["store"] == self._name]
        ids = {file.file_id for file in await self._store.index.files(self._scope, self._name)}
        kept = await self._kept()

        async def let_go(file_id: str) -> None:
            await self._release(file_id, kept)
            await self._store.index.drop(self._scope, self._name, [file_id])

        await each(sorted(ids | {one.id for one in loose}), let_go)
        for one in loose:
            await self._store.objects.delete(self._scope, LOOSE, one.key)

    async def _drop_unused(self, kept: dict[str, KeptObject], used: set[str], abandoned: float) -> None:
        """Delete uploads for stores that no store ever came to hold."""
        old = [
            one.id
            for one in kept.values()
            if one.data.get("purpose") == "assistants" and one.created_at < abandoned and one.id not in used
        ]
        held = {file.file_id for file in await self._store.index.located(self._scope, old)} if old else set[str]()
        await each([one for one in old if one not in held], lambda file_id: self._release(file_id, kept))

    async def _release(self, file_id: str, kept: dict[str, KeptObject]) -> None:
        """Delete an uploaded file unless another store holds it, or is about to."""
        held = [file.store for file in await self._store.index.located(self._scope, [file_id])]
        held += [one.data["store"] for one in await self._loose() if one.id == file_id]
        if any(store != self._name for store in held):
            return
        if file_id in kept:
            await self._store.objects.delete(self._scope, KIND, kept[file_id].key)
        await self._patience.through(lambda: self._backend.delete_file(file_id))

    async def _kept(self) -> dict[str, KeptObject]:
        return {kept.id: kept for kept in await self._store.objects.all(self._scope, KIND)}

    async def _loose(self) -> list[KeptObject]:
        return await self._store.objects.all(self._scope, LOOSE)


async def _outdated(loose: KeptObject, rows: dict[str, IndexedFile]) -> bool:
    """True when its path was indexed with another content since, or is gone."""
    path: str = loose.data["path"]
    row = rows.get(path)
    return row.indexed_at > loose.created_at if row else not await anyio.Path(path).exists()
