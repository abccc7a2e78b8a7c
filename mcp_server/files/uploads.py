"""The same bytes are uploaded once: a content hash remembers the file id, per owner and backend, until it expires."""

from collections.abc import Callable
from weakref import WeakValueDictionary

import anyio
from anyio import Lock

from mcp_server.backends.protocol import Backend
from mcp_server.files.reading import Source
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

KIND = "file"
DAY = 86_400.0
KEPT = 29 * DAY
"""The upstream forgets an uploaded file after 30 days; a day earlier we upload it anew."""


class Uploads:
    """Lets one call at a time upload the same content; the others then find it uploaded."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, str, str], Lock] = WeakValueDictionary()

    async def file_id(
        self, source: Source, scope: Scope, backend: Backend, store: Store, now: Callable[[], float]
    ) -> str:
        """The backend's id of this content, uploaded if it is not there already.

        Raises:
            UpstreamError: the upload failed; nothing is remembered.
        """
        lock = self._locks.setdefault((scope.owner, scope.backend, source.sha256), anyio.Lock())
        async with lock:
            kept = await store.objects.get(scope, KIND, source.sha256)
            if kept is not None and (kept.expires_at is None or kept.expires_at > now()):
                return kept.id
            uploaded = await backend.upload(source.path.name, source.content, "user_data")
            await store.objects.put(_kept(source, scope, uploaded, now()))
            return uploaded


def _kept(source: Source, scope: Scope, file_id: str, moment: float) -> KeptObject:
    return KeptObject(
        scope=scope,
        kind=KIND,
        key=source.sha256,
        id=file_id,
        data={"filename": source.path.name, "bytes": len(source.content), "purpose": "user_data"},
        created_at=moment,
        expires_at=moment + KEPT,
    )
