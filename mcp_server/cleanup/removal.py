"""How each kind of thing goes: upstream first, then here, so that what could not be deleted stays known."""

from collections.abc import Sequence

from mcp_server.backends.artifacts import cited_files, file_artifact_id
from mcp_server.backends.protocol import Backend
from mcp_server.cleanup.report import Outcome
from mcp_server.cleanup.stock import Item, Row
from mcp_server.errors import UpstreamError
from mcp_server.index.protocol import SearchIndex
from mcp_server.model.job import Job
from mcp_server.model.session import KeptObject, Turn
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

HERE_ALONE = "it is deleted here alone: the backend deletes no responses, and may keep it for a while"


class Removal:
    """Deletes things of one caller.

    Raises:
        ConfigurationError: the backend cannot be used with these settings, and what is there must not be forgotten.
    """

    def __init__(self, store: Store, backend: Backend, index: SearchIndex, scope: Scope) -> None:
        self._store = store
        self._backend = backend
        self._delete_kept = {"conversation": backend.delete_conversation, "file": backend.delete_file}
        self._index = index
        self._scope = scope
        self._unfiled: set[str] = set()
        self._kept_there: set[str | None] = set()

    async def remove(self, item: Item, *, with_store: bool = False) -> Outcome:
        """Delete it; ``with_store`` says that a store which held this file has gone just now.

        Raises:
            ServerError: it is still there, here or upstream; the same again goes on.
        """
        there = await self._removed(item.kind, item.row, item, with_store=with_store)
        error = HERE_ALONE if {item.id, item.unfiled} & self._kept_there else None
        return Outcome(item.id, item.kind, "deleted" if there else "already_gone", error)

    async def _removed(self, kind: str, row: Row, item: Item, *, with_store: bool) -> bool:
        match row:
            case Turn():
                there = await self._delete_response(row.response_id) if row.stored else True
                await self._forget_files([file_artifact_id(row.response_id, one) for one in cited_files(row.output)])
                return await self._store.sessions.forget(self._scope, [row.response_id]) > 0 and there
            case Job() if kind == "responses":
                return await self._remove_unfiled(row, item.id)
            case Job():
                if item.unfiled:
                    await self._remove_unfiled(row, item.unfiled)
                return await self._store.jobs.delete(self._scope, [row.id]) > 0
            case KeptObject() if kind == "vector_stores":
                return await self._index.delete(self._scope, row.key)
            case KeptObject():
                return await self._remove_kept(row, with_store=with_store)
            case _:
                return await self._store.sessions.delete(self._scope, row.name)

    async def _delete_response(self, response_id: str) -> bool:
        """False when it was already gone; where the backend deletes none, what is known of it here goes alone."""
        try:
            return await self._backend.delete(response_id)
        except UpstreamError as error:
            # A web page may be a captive portal's, before a server that would delete it: it is tried each time.
            if not (error.missing and error.http_status):
                raise
            self._kept_there.add(response_id)
            return True

    async def _remove_unfiled(self, job: Job, response_id: str) -> bool:
        """Delete a response that no turn knows, once, and what it wrote."""
        if response_id in self._unfiled:
            return True
        there = await self._delete_response(response_id)
        await self._forget_files([made.id for made in job.answer.artifacts] if job.answer else [])
        self._unfiled.add(response_id)
        return there

    async def _remove_kept(self, kept: KeptObject, *, with_store: bool) -> bool:
        objects = self._store.objects
        if with_store and await objects.get(self._scope, kept.kind, kept.key) is None:
            return True
        there = await self._delete_kept[kept.kind](kept.id)
        await objects.delete(self._scope, kept.kind, kept.key)
        return there

    async def _forget_files(self, artifact_ids: Sequence[str]) -> None:
        for one in artifact_ids:
            await self._store.objects.delete(self._scope, "artifact", one)
