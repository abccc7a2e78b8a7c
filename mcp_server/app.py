"""Everything the server is made of, built in one place and handed down; nothing is global."""

import os
import secrets
import socket
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from mcp_server import settings as configuration
from mcp_server.backends.choose import open_backend, open_embedder
from mcp_server.backends.protocol import Backend, Embedder
from mcp_server.errors import ConfigurationError
from mcp_server.files.fetch import Fetcher
from mcp_server.files.roots import Roots
from mcp_server.index.search import SearchIndex, open_index
from mcp_server.index.updates import Updates
from mcp_server.model.value import Scope
from mcp_server.money.budget import Budget
from mcp_server.money.prices import Prices
from mcp_server.settings import Settings
from mcp_server.store.protocol import Store
from mcp_server.store.sqlite import open_sqlite
from mcp_server.turns.ground import Ground
from mcp_server.turns.models import DefaultModel
from mcp_server.turns.notes import Notes
from mcp_server.turns.turns import Turns


@dataclass(frozen=True, kw_only=True)
class App:
    """The rooms, open. ``settings.problem`` is told by the first call that would cost something.

    ``roots`` are the folders that the settings allow; ``Call.roots`` knows those of a call.
    """

    settings: Settings
    store: Store
    backend: Backend
    roots: Roots
    index: SearchIndex
    updates: Updates
    turns: Turns
    prices: Prices
    fetcher: Fetcher
    now: Callable[[], float] = time.time

    def scope(self, owner: str) -> Scope:
        """The key under which ``owner``'s rows stand."""
        return Scope(owner=owner, backend=self.backend.name)

    def check(self) -> None:
        """Raise what is wrong with the settings, before anything is sent.

        Raises:
            ConfigurationError: it names the setting and what would be right.
        """
        if problem := self.settings.problem or self.prices.problem:
            raise ConfigurationError(problem)


@asynccontextmanager
async def open_app(settings: Settings, *, adopt: bool = True) -> AsyncGenerator[App]:
    """Open the store and the backend and begin to look after jobs; on the way out let go of all that still run.

    ``adopt`` says whether jobs of processes that are gone are taken over.
    """
    store = await open_sqlite(configuration.sqlite_path(settings))
    backend = open_backend(settings)
    await backend.observed.recall(Notes(store, backend.name, backend.address))
    embedders: list[Embedder] = []

    def embedder() -> Embedder | None:
        if (found := open_embedder(backend, settings)) and found is not backend:
            embedders.append(found)
        return found

    prices = Prices.load(settings, free=backend.profile.free)
    try:
        async with anyio.create_task_group() as tasks:
            ground = Ground(
                store=store,
                backend=backend,
                # Leases must tell two processes apart, also two with one id on two machines.
                worker=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
                keep=settings.store_responses,
                models=DefaultModel(backend, settings.model),
                costs=prices,
                budget=Budget.of(settings, prices),
                timeout_seconds=settings.timeout_seconds,
            )
            turns = Turns(ground, tasks)
            tasks.start_soon(turns.keep, adopt)
            index = open_index(backend, store, embedder)
            try:
                yield App(
                    settings=settings,
                    store=store,
                    backend=backend,
                    roots=Roots(settings.allowed_roots or ()),
                    index=index,
                    updates=Updates(index, tasks),
                    turns=turns,
                    prices=prices,
                    fetcher=ground.fetcher,
                )
            finally:
                await turns.part()
                tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await backend.close()
            for one in embedders:
                await one.close()
            await store.close()
