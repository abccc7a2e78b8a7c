"""Sweeps what has outlived its own date. It may run while servers use the same store."""

from collections.abc import Awaitable, Callable

from mcp_server.cleanup.clean import Rooms
from mcp_server.cleanup.report import Desk, Errand, Outcome, Tell
from mcp_server.files.uploads import CLAIM
from mcp_server.files.uploads import KIND as FILE
from mcp_server.index.names import KIND as VECTOR_STORE
from mcp_server.model.session import KeptObject


async def sweep(rooms: Rooms, *, now: float, tell: Tell) -> list[Outcome]:
    """Delete expired uploads, vector stores and claims; returns what became of each.

    The upstream decides about its vector stores: they expire after some days without use. A thing that a server has
    made anew or used again in between stays.

    Raises:
        StoreError: it cannot be said what there is.
        ConfigurationError: the backend cannot be used with these settings.
    """
    sweeping = _Sweeping(rooms)
    all_of = rooms.store.objects.all
    errands = [
        Errand(kept.key, "vector_stores", sweeping.store(kept))
        for kept in await all_of(rooms.scope, VECTOR_STORE)
        if _over(kept, now) or (kept.data.get("expires_days") and _hosted(kept))
    ]
    errands += [
        Errand(kept.id, "files", sweeping.upload(kept)) for kept in await all_of(rooms.scope, FILE) if _over(kept, now)
    ]
    errands += [
        Errand(kept.key, "claims", sweeping.claim(kept))
        for kept in await all_of(rooms.scope, CLAIM)
        if _over(kept, now)
    ]
    return await Desk(len(errands), tell).carry_out(errands)


def _over(kept: KeptObject, now: float) -> bool:
    return kept.expires_at is not None and kept.expires_at <= now


def _hosted(kept: KeptObject) -> bool:
    """Whether the store is the backend's, which gave it an id."""
    return kept.id != kept.key


class _Sweeping:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        # A backend that cannot be used says so here, before anything is forgotten.
        self._delete_file = rooms.backend.delete_file

    def store(self, kept: KeptObject) -> Callable[[], Awaitable[Outcome | None]]:
        """A store with all that was made for it."""
        rooms = self._rooms

        async def run() -> Outcome | None:
            if _hosted(kept) and await rooms.backend.stores.alive(kept.id):
                return None
            standing = await rooms.store.objects.get(rooms.scope, kept.kind, kept.key)
            # An embedded one that is there has not expired any more; a hosted one has another id when it was made anew.
            if standing and not (_hosted(kept) and standing.id == kept.id):
                return None
            await rooms.index.delete(rooms.scope, kept.key)
            return Outcome(kept.key, "vector_stores", "deleted")

        return run

    def upload(self, kept: KeptObject) -> Callable[[], Awaitable[Outcome | None]]:
        """An uploaded file; the upstream may have deleted it already."""

        async def run() -> Outcome | None:
            there = await self._delete_file(kept.id)
            await self._forget(kept)
            return Outcome(kept.id, "files", "deleted" if there else "already_gone")

        return run

    def claim(self, kept: KeptObject) -> Callable[[], Awaitable[Outcome | None]]:
        """What a process that is gone wanted to upload."""

        async def run() -> Outcome | None:
            return Outcome(kept.key, "claims", "deleted") if await self._forget(kept) else None

        return run

    async def _forget(self, kept: KeptObject) -> bool:
        """Delete the row, unless another one stands in its place by now."""
        objects, scope = self._rooms.store.objects, self._rooms.scope
        if await objects.get(scope, kept.kind, kept.key) is not None:
            return False
        return await objects.delete(scope, kept.kind, kept.key)
