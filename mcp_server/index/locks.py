"""One update of a store at a time within this process."""

from weakref import WeakValueDictionary

import anyio
from anyio import Lock

from mcp_server.model.value import Scope


class Locks:
    """A lock per store, there for as long as somebody holds it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[Scope, str], Lock] = WeakValueDictionary()

    def of(self, scope: Scope, store_name: str) -> Lock:
        """The lock of that store."""
        return self._locks.setdefault((scope, store_name), anyio.Lock())
