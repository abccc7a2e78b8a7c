"""What running jobs stands on: one value, made once, handed down."""

import time
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from mcp_server.backends.protocol import Backend
from mcp_server.files.fetch import Fetcher
from mcp_server.files.uploads import Uploads
from mcp_server.model.job import Job
from mcp_server.model.request import TurnRequest
from mcp_server.model.value import Scope
from mcp_server.money.budget import Budget
from mcp_server.money.prices import Prices
from mcp_server.store.protocol import Store
from mcp_server.turns.caching import Shards
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


class Line:
    """The jobs of this process that wait for their turn, by session: only the first of each need ask the store."""

    def __init__(self) -> None:
        self._waiting: defaultdict[tuple[Scope, str | None], set[int]] = defaultdict(set)

    @contextmanager
    def joined(self, job: Job) -> Generator[Callable[[], bool]]:
        """Stand in the line of the job's session; yields what tells whether it is the first there."""
        place = job.scope, job.session
        line = self._waiting[place]
        line.add(job.seq)
        try:
            yield lambda: place[1] is None or min(line) == job.seq
        finally:
            line.discard(job.seq)
            if not line:
                self._waiting.pop(place, None)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """``worker`` is this process's name on leases, ``keep`` the default of ``store``.

    ``models`` chooses where a call names no model, ``costs`` knows the prices, ``budget`` what may be spent.
    ``first_pause`` (seconds) is the pause before the upstream is asked about a response for the second time.
    """

    store: Store
    backend: Backend
    worker: str
    models: DefaultModel
    costs: Prices
    budget: Budget
    keep: bool = True
    timeout_seconds: float = 600.0
    first_pause: float = 0.5
    now: Callable[[], float] = time.time
    pulse: Pulse = field(default_factory=Pulse)
    line: Line = field(default_factory=Line)
    uploads: Uploads = field(default_factory=Uploads)
    fetcher: Fetcher = field(default_factory=Fetcher)
    shards: Shards = field(default_factory=Shards)

    async def model(self, request: TurnRequest) -> str | None:
        """The model that is to answer; None where the request's prompt template names it.

        Raises:
            InvalidArgument: none is named, and the backend offers none.
            UpstreamError: its list cannot be read.
        """
        if request.model is None and "prompt" in request.params:
            return None
        return await self.models.choose(request.model)
