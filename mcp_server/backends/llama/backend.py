"""The embedded engine as a backend: free, without a key, and for text alone."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import structlog

from mcp_server.backends.llama.chat import Reply
from mcp_server.backends.llama.embedder import LocalEmbedder
from mcp_server.backends.llama.engine import Engine
from mcp_server.backends.llama.faults import Crashed, Crowded, crashed_again, crowded_out
from mcp_server.backends.llama.lacking import Lacking
from mcp_server.backends.llama.prompt import REFUSED, completion
from mcp_server.backends.llama.weights import SMOLLM2
from mcp_server.backends.profile import HARMLESS, Profile
from mcp_server.errors import InvalidArgument
from mcp_server.model.events import Activity, Event
from mcp_server.model.request import Layout
from mcp_server.model.value import JsonObject

if TYPE_CHECKING:
    from mcp_server.backends.llama.process import Child

CONTEXT = 8192
TRIES = 5
RESTARTED = (
    "The embedded engine crashed while it answered and was restarted; the answer goes on from where it broke off, and "
    "usage counts the second part alone."
)

PROFILE = Profile(
    embeddings=True,
    json_schema="grammar",
    function_tools=True,
    input_tokens=True,
    free=True,
    refused=REFUSED | (HARMLESS - {"service_tier"}),
    service_tiers=frozenset({"auto", "default"}),
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger("responses_mcp.llama")


class LlamaBackend(Lacking):
    """llama.cpp in a child process, one for chat and one for embeddings, each started when it is first needed.

    ``home`` is the state folder, ``model_file`` a GGUF file to use instead of the packaged model. ``context_tokens`` is
    what the requests running side by side have together.
    """

    name = "local"
    profile = PROFILE

    def __init__(self, home: Path, model_file: Path | None = None, *, context_tokens: int = CONTEXT) -> None:
        folder = home / "models"
        self._model = model_file.stem if model_file else "smollm2-135m-instruct"
        self._chat = Engine(model_file or SMOLLM2, folder, name=self._model, context=context_tokens)
        self._embedder = LocalEmbedder(folder)
        # Held by whoever found the shared context full, until that call is over: newcomers wait.
        self._alone = anyio.Semaphore(1)

    async def respond(self, layout: Layout) -> AsyncGenerator[Event]:
        """Answer. A child that dies meanwhile is replaced once, and the answer continued.

        Raises:
            InvalidArgument: the layout holds what the engine cannot take.
            EngineError: the engine cannot be had, or failed.
            UpstreamError: it refused the request.
        """
        self._check_model(layout)
        reply = Reply(layout, self._model)
        async with AsyncExitStack() as room:
            async with self._alone:
                pass
            for _ in range(TRIES):
                async with aclosing(self._attempt(reply, room)) as events:
                    async for event in events:
                        yield event
                if reply.finished:
                    break
            else:
                raise crowded_out()
        for event in reply.end():
            yield event

    async def embedding_model(self) -> str:
        """The packaged one."""
        return await self._embedder.embedding_model()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text, of any length.

        Raises:
            EngineError: the engine cannot be had, or failed.
        """
        return await self._embedder.embed(texts)

    def prepare_to_embed(self) -> AsyncGenerator[str]:
        """Fetch the embedding model and start its child, saying how it goes."""
        return self._embedder.prepare_to_embed()

    async def models(self) -> list[str]:
        """The one model there is."""
        return [self._model]

    async def catalogue(self) -> dict[str, date | None]:
        """The one model there is; it stays."""
        return {self._model: None}

    def body(self, layout: Layout) -> JsonObject:
        """The JSON that ``respond`` would send.

        Raises:
            InvalidArgument: the layout holds what the engine cannot take.
        """
        self._check_model(layout)
        return completion(layout)[0]

    async def count_tokens(self, layout: Layout) -> int | None:
        """Input tokens of a request; None while the engine is not running.

        Raises:
            InvalidArgument: the layout holds what the engine cannot take.
        """
        told = self.body(layout)["messages"]
        child = self._chat.running
        if not child:
            return None
        try:
            prompt = (await child.post("/apply-template", {"messages": told}))["prompt"]
            body = {"content": prompt, "add_special": True, "parse_special": True}
            return len((await child.post("/tokenize", body))["tokens"])
        except Crashed:
            return None

    async def prepare(self) -> AsyncGenerator[str]:
        """Fetch the chat model and start its child, saying how it goes.

        Raises:
            EngineError: the engine cannot be had.
        """
        async with aclosing(self._chat.ready()) as notes:
            async for note in notes:
                yield note

    async def close(self) -> None:
        """End both children."""
        await self._chat.close()
        await self._embedder.close()

    async def _attempt(self, reply: Reply, room: AsyncExitStack) -> AsyncGenerator[Event]:
        """Go through a child once, as far as that leads; ``reply`` knows whether it was to the end."""
        async with aclosing(self._chat.ready()) as notes:
            async for note in notes:
                yield Activity(message=note)
        child = self._chat.child
        try:
            async with aclosing(child.stream("/v1/chat/completions", reply.body())) as chunks:
                async for chunk in chunks:
                    for event in reply.read(chunk):
                        yield event
        except Crashed:
            # After the end only the usage is missing, and there is nothing to go on with.
            if not reply.finished:
                await self._crashed(self._chat, child, again=bool(reply.warnings))
                reply.warnings.append(RESTARTED)
        except Crowded:
            # llama.cpp gives up all that run: from here on one after another, and newcomers wait.
            _log.info("engine_crowded")
            await room.aclose()
            await room.enter_async_context(self._alone)

    def _check_model(self, layout: Layout) -> None:
        if layout.model != self._model:
            raise InvalidArgument(
                f"model: the embedded engine has only {self._model!r}, not {layout.model!r}; leave model out."
            )

    async def _crashed(self, engine: Engine, child: "Child", *, again: bool) -> None:
        _log.warning("engine_crashed", model=self._model, again=again)
        await engine.put_away(child)
        if again:
            raise crashed_again()
