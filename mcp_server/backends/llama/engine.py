"""One child at a time: started at the first use, and anew by the first who needs it after it died."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from mcp_server.backends.llama.faults import require
from mcp_server.backends.llama.weights import Weights, fetch, located
from mcp_server.errors import ConfigurationError, EngineError

if TYPE_CHECKING:
    from mcp_server.backends.llama.process import Child


class Engine:
    """A model and the child that serves it. ``model`` is a packaged one, fetched into ``folder``, or a file."""

    def __init__(
        self, model: Weights | Path, folder: Path, *, name: str, context: int, embedding: bool = False
    ) -> None:
        self._model = model
        self._folder = folder
        self._name = name
        self._context = context
        self._embedding = embedding
        # A semaphore, not a lock: a generator may be closed by another task than the one that began it.
        self._starting = anyio.Semaphore(1)
        self._child: Child | None = None
        self._closed = False

    @property
    def running(self) -> "Child | None":
        """The child, if there is a living one now."""
        return self._child if self._child and self._child.alive else None

    @property
    def child(self) -> "Child":
        """The child that ``ready`` has just left; it may have died meanwhile."""
        assert self._child, "only after ready"
        return self._child

    async def ready(self) -> AsyncGenerator[str]:
        """Make sure that a child is there, saying how it goes; over at once when there is one.

        Raises:
            EngineError: the model cannot be fetched or loaded.
            ConfigurationError: a package is missing, or the model file is.
        """
        if self.running:
            return
        require("xllamacpp")
        if not self._starting.value:
            yield "Waiting for the embedded engine"
        async with self._starting:
            if self.running:
                return
            await self.put_away(self._child)
            if isinstance(self._model, Weights):
                async with aclosing(fetch(self._model, self._folder)) as notes:
                    async for note in notes:
                        yield note
            yield "Loading the embedded engine"
            await self._start()

    async def put_away(self, child: "Child | None") -> None:
        """End a child that is of no more use; another one that has taken its place stays."""
        if child and self._child is child:
            self._child = None
            await child.stop()

    async def close(self) -> None:
        """End the child; no other is started."""
        self._closed = True
        await self.put_away(self._child)

    async def _start(self) -> None:
        from mcp_server.backends.llama.process import Serving, launch  # noqa: PLC0415 - httpx2: off the start-up path

        serving = Serving(model=self._file(), name=self._name, context=self._context, embedding=self._embedding)
        if not self._closed:
            self._child = await launch(serving)
        if self._closed:
            await self.put_away(self._child)
            raise EngineError("The server is shutting down; call again when it is back.", retryable=True)

    def _file(self) -> Path:
        if isinstance(self._model, Weights):
            found = located(self._model, self._folder)
            assert found, "fetch puts it there or raises"
            return found
        if not self._model.is_file():
            raise ConfigurationError(
                f"RESPONSES_MCP_LOCAL_MODEL names {self._model}, where no file is; set it to a GGUF file or unset it."
            )
        return self._model
