"""The names of a caller's stores, and what stands behind them: an id of the backend's, or the name itself."""

import time

from mcp_server.errors import NotThere
from mcp_server.model.session import KeptObject
from mcp_server.model.value import JsonObject, Scope
from mcp_server.store.protocol import Store

KIND = "vector_store"


async def remember(store: Store, scope: Scope, name: str, store_id: str, data: JsonObject) -> None:
    """Make ``name`` a store of the caller's."""
    await store.objects.put(named(scope, name, store_id, data))


def named(scope: Scope, name: str, store_id: str, data: JsonObject) -> KeptObject:
    """A store of the caller's, to be kept."""
    return KeptObject(scope=scope, kind=KIND, key=name, id=store_id, data=data, created_at=time.time())


async def known(store: Store, scope: Scope, name: str) -> KeptObject:
    """The store of that name.

    Raises:
        NotThere: the caller has none; the message names those there are.
    """
    kept = await store.objects.get(scope, KIND, name)
    if kept is not None:
        return kept
    names = ", ".join(sorted(one.key for one in await store.objects.all(scope, KIND)))
    there = f"there are {names}" if names else "there are none yet"
    raise NotThere(f"There is no store {name!r} ({there}): give paths to make one.")
