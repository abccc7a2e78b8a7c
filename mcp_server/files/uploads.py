"""The same bytes are uploaded once: a content hash remembers the file id, per owner and backend, until it expires.

A question's upload lives for 30 days, a store's as long as a store holds it: neither is used for the other, so that
what ends the one does not break the other.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar
from uuid import uuid4
from weakref import WeakValueDictionary

import anyio
from anyio import Lock

from mcp_server.backends.protocol import Backend
from mcp_server.errors import ServerError
from mcp_server.files.reading import Source
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

T = TypeVar("T")

KIND = "file"
CLAIM = "upload"
"""The kind of the objects by which one process tells the others that it uploads something."""
CLAIM_SECONDS = 20.0
LOOK_SECONDS = 0.2
GRACE_SECONDS = 3.0
"""How long a cancelled upload may go on, so that its id is not lost when it is just about to come."""
DAY = 86_400.0
UPLOAD_SECONDS = 2_592_000
"""The longest that the API takes: 30 days."""


class Upload(NamedTuple):
    """What is wanted upstream: ``key`` tells what is the same, ``content`` gives name and bytes when they are needed.

    ``expires_seconds`` is for how long; None for good.
    """

    key: str
    purpose: str
    expires_seconds: int | None
    content: Callable[[], Awaitable[tuple[str, bytes]]]


class Uploads:
    """Lets one call at a time upload the same content; the others, of other processes too, then find it uploaded."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[Scope, str], Lock] = WeakValueDictionary()

    async def file_id(
        self, source: Source, scope: Scope, backend: Backend, store: Store, now: Callable[[], float]
    ) -> str:
        """The backend's id of this content for a question, uploaded if it is not there already.

        Raises:
            UpstreamError: the upload failed; nothing is remembered.
        """

        async def content() -> tuple[str, bytes]:
            return source.path.name, source.content

        wanted = Upload(source.sha256, "user_data", UPLOAD_SECONDS, content)
        kept, _ = await self.kept(wanted, scope, backend, store, now)
        return kept.id

    async def kept(
        self, wanted: Upload, scope: Scope, backend: Backend, store: Store, now: Callable[[], float] = time.time
    ) -> tuple[KeptObject, bool]:
        """What stands upstream for it, and whether it was uploaded just now.

        Raises:
            UpstreamError: the upload failed; nothing is remembered.
            ServerError: whatever ``content`` raises.
        """
        lock = self._locks.setdefault((scope, wanted.key), anyio.Lock())
        async with lock:
            while (kept := await _standing(store, scope, wanted.key, now)) is None:
                async with _claimed(store, scope, wanted.key) as ours:
                    # Whoever had the claim before may have uploaded it in between.
                    if ours and await _standing(store, scope, wanted.key, now) is None:
                        return await _uploaded(wanted, scope, backend, store, now), True
                if not ours:
                    await anyio.sleep(LOOK_SECONDS)
            return kept, False


@asynccontextmanager
async def _claimed(store: Store, scope: Scope, key: str) -> AsyncGenerator[bool]:
    """Tell the other processes that this one uploads it; False when one of them does already."""
    moment = time.time()
    claim = KeptObject(
        scope=scope, kind=CLAIM, key=key, id=uuid4().hex, created_at=moment, expires_at=moment + CLAIM_SECONDS
    )
    ours = False
    # Cancelled in between, a claim of nobody's would keep the next one waiting.
    with anyio.CancelScope(shield=True):
        ours = await store.objects.add(claim) == claim
    try:
        yield ours
    finally:
        with anyio.CancelScope(shield=True):
            if ours:
                await store.objects.delete(scope, CLAIM, key)


async def finished(work: Callable[[], Awaitable[T]], grace_seconds: float = GRACE_SECONDS) -> T:
    """The result of ``work``; when this is cancelled, the work has a few seconds more to come to its end."""
    results: list[T] = []
    failures: list[ServerError] = []
    ended = anyio.Event()
    scope = anyio.CancelScope(shield=True)

    async def run() -> None:
        with scope:
            try:
                results.append(await work())
            except ServerError as error:
                failures.append(error)
        ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        try:
            await ended.wait()
        except anyio.get_cancelled_exc_class():
            scope.deadline = anyio.current_time() + grace_seconds
            raise
    if failures:
        raise failures[0]
    return results[0]


async def _standing(store: Store, scope: Scope, key: str, now: Callable[[], float]) -> KeptObject | None:
    kept = await store.objects.get(scope, KIND, key)
    return kept if kept is not None and (kept.expires_at is None or kept.expires_at > now()) else None


async def _uploaded(
    wanted: Upload, scope: Scope, backend: Backend, store: Store, now: Callable[[], float]
) -> KeptObject:
    filename, content = await wanted.content()

    async def upload() -> KeptObject:
        file_id = await backend.upload(filename, content, wanted.purpose, expires_seconds=wanted.expires_seconds)
        moment = now()
        made = KeptObject(
            scope=scope,
            kind=KIND,
            key=wanted.key,
            id=file_id,
            data={"filename": filename, "bytes": len(content), "purpose": wanted.purpose},
            created_at=moment,
            expires_at=None if wanted.expires_seconds is None else moment + wanted.expires_seconds - DAY,
        )
        standing = await store.objects.add(made)
        if standing.id != file_id:
            # Another process took this one's claim for abandoned and was faster.
            await backend.delete_file(file_id)
        return standing

    return await finished(upload)
