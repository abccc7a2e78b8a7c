"""What running jobs stands on: one value, made once, handed down."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from mcp_server.backends.protocol import Backend
from mcp_server.files.roots import Roots
from mcp_server.files.uploads import Uploads
from mcp_server.store.protocol import Store
from mcp_server.turns.models import DefaultModel

LEASE_SECONDS = 6.0
"""How long a job stays with a process that has gone silent. Losing a lease by mistake costs nothing: what may have been
sent is only asked about, and the first to settle a job wins."""


class Pulse:
    """Beats whenever a job of this process starts or ends, so that those who wait need not poll the store for it."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def beat(self) -> None:
        """Wake everybody who waits."""
        self._event.set()
        self._event = anyio.Event()

    async def wait(self, seconds: float) -> None:
        """Return at the next beat, or after ``seconds``."""
        with anyio.move_on_after(seconds):
            await self._event.wait()


@dataclass(frozen=True, kw_only=True)
class Ground:
    """``worker`` is this process's name on leases, ``keep`` the default of ``store``.

    ``models`` chooses where a call names no model.
    ``first_pause`` (seconds) is the pause before the upstream is asked about a response for the second time.
    """

    store: Store
    backend: Backend
    roots: Roots
    worker: str
    models: DefaultModel
    keep: bool = True
    timeout_seconds: float = 600.0
    first_pause: float = 0.5
    now: Callable[[], float] = time.time
    pulse: Pulse = field(default_factory=Pulse)
    uploads: Uploads = field(default_factory=Uploads)
