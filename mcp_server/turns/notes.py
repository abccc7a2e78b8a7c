"""What a backend turned out to do other than documented, kept in the store for the next process."""

from collections.abc import Iterator

import structlog
from pydantic import ValidationError

from mcp_server.backends.observed import KEPT_SECONDS, Observation
from mcp_server.errors import StoreError
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.turns")

KIND = "observed"
EVERYBODY = ""
"""The owner of what is true of a server, whoever asks it."""


class Notes:
    """``Notebook`` on the store, for one backend at one ``address``: two servers of a kind differ.

    What the store does not keep or give back is found out again: nothing is given up for a note.
    """

    def __init__(self, store: Store, backend: str, address: str) -> None:
        self._store = store
        self._scope = Scope(owner=EVERYBODY, backend=backend)
        self._address = address

    async def read(self) -> list[Observation]:
        """All that were written down and can be read by this version."""
        try:
            kept = await self._store.objects.all(self._scope, KIND)
        except (StoreError, ValueError) as error:
            _log.warning("observations_not_read", reason=str(error))
            return []
        return list(self._readable(kept))

    async def write(self, observation: Observation) -> None:
        """Keep it, in place of the one about the same."""
        item = KeptObject(
            scope=self._scope,
            kind=KIND,
            key=f"{self._address} {observation.about} {observation.model or ''}",
            id=self._address,
            data=observation.model_dump(),
            created_at=observation.until - KEPT_SECONDS,
            expires_at=observation.until,
        )
        try:
            await self._store.objects.put(item)
        except StoreError as error:
            _log.warning("observation_not_kept", about=observation.about, reason=error.message)

    async def clear(self) -> None:
        """Forget what is known of this address."""
        for one in await self._store.objects.all(self._scope, KIND):
            if one.id == self._address:
                await self._store.objects.delete(self._scope, KIND, one.key)

    def _readable(self, kept: list[KeptObject]) -> Iterator[Observation]:
        for one in kept:
            if one.id == self._address:
                try:
                    yield Observation.model_validate(one.data)
                except ValidationError:
                    _log.warning("observation_not_read", key=one.key)
