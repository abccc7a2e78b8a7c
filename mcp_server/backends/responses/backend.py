"""A Responses API server as a ``Backend``: what it can do is its profile, what it is told is the layout."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from mcp_server.backends.profile import Profile
from mcp_server.backends.responses import faults, models
from mcp_server.backends.responses.body import compact_body, count_body, create_body
from mcp_server.backends.responses.connection import Connection, Reply, path
from mcp_server.backends.responses.embeddings import embed
from mcp_server.backends.responses.parse import parse_answer
from mcp_server.backends.responses.retries import Retries, poll_after
from mcp_server.backends.responses.shape import objects
from mcp_server.backends.responses.stores import ResponsesStores, made_id
from mcp_server.backends.responses.stream import Reader, read_events
from mcp_server.errors import UpstreamError
from mcp_server.model.answer import ENDED, Answer
from mcp_server.model.events import Event
from mcp_server.model.request import Layout
from mcp_server.model.value import JsonObject

if TYPE_CHECKING:
    from openai import AsyncStream


class ResponsesBackend:
    """``Backend`` over HTTP.

    ``base_url`` None is OpenAI's. ``timeout_seconds`` is the longest silence of one request; ``max_retries`` how often
    one that did no work is sent again, the first time after about ``retry_delay_seconds``.
    """

    def __init__(
        self,
        name: str,
        profile: Profile,
        *,
        api_key: str,
        base_url: str | None,
        model: str | None,
        embedding_model: str | None,
        timeout_seconds: float,
        max_retries: int,
        retry_delay_seconds: float = 0.5,
    ) -> None:
        self._name = name
        self._profile = profile
        self._model = model
        self._embedding_model = embedding_model
        self._connection = Connection(
            api_key=api_key,
            base_url=base_url,
            timeout_seconds=timeout_seconds,
            retries=Retries(max_retries, retry_delay_seconds),
        )
        self._stores = ResponsesStores(self._connection, patience_seconds=timeout_seconds)

    @property
    def name(self) -> str:
        """``openai``, ``azure``, ``compatible``, …"""
        return self._name

    @property
    def profile(self) -> Profile:
        """What it can do."""
        return self._profile

    @property
    def stores(self) -> ResponsesStores:
        """Hosted vector stores (profile ``vector_stores``)."""
        return self._stores

    def respond(self, layout: Layout) -> AsyncGenerator[Event]:
        """Send the request and yield what happens, ``Finished`` or ``Accepted`` last.

        Close the generator to stop the work upstream. A background response goes on there when its stream is closed:
        ``cancel`` ends it.
        """
        return self._told(self._asked(layout))

    def resume(self, response_id: str, after: int | None) -> AsyncGenerator[Event]:
        """A background response's stream after the event ``after``, None for all of it; without ``Created``."""
        place: JsonObject = {} if after is None else {"starting_after": after}
        opening = self._connection.reread(path("responses", response_id), {"stream": "true", **place})
        return self._told(opening, known=True, partial=after is not None)

    def body(self, layout: Layout) -> JsonObject:
        """The JSON that ``respond`` would send."""
        return create_body(layout, self._profile)

    async def retrieve(self, response_id: str) -> Answer:
        """The response as it is now. A status that has not ended is a normal answer."""
        return _answer(await self._connection.get(path("responses", response_id)))

    async def cancel(self, response_id: str) -> Answer:
        """Cancel a background response; idempotent. Returns it as it is then, which may be completed or still going."""
        try:
            return _answer(await self._connection.post(path("responses", response_id, "cancel"), {}, repeatable=True))
        except UpstreamError as refusal:
            if refusal.http_status not in {400, 409}:
                raise
            # Some servers refuse to cancel what has ended.
            answer = await self.retrieve(response_id)
            if answer.status not in ENDED:
                raise
            return answer

    async def delete(self, response_id: str) -> bool:
        """Delete a stored response; False when it was already gone."""
        return await self._connection.delete(path("responses", response_id))

    async def compact(self, layout: Layout) -> Answer:
        """A shorter form of the layout's input; ``output`` is the input to go on with."""
        body = compact_body(layout, self._profile)
        reply = await self._connection.post("/responses/compact", body, repeatable=False)
        return parse_answer({"status": "completed", "model": layout.model, **reply.body}, attempts=reply.attempts)

    async def create_conversation(self) -> str:
        """Make an empty conversation; returns its id."""
        return made_id(await self._connection.post("/conversations", {}, repeatable=False))

    async def delete_conversation(self, conversation_id: str) -> bool:
        """Delete a conversation; False when it was already gone."""
        return await self._connection.delete(path("conversations", conversation_id))

    async def container_file(self, container_id: str, file_id: str) -> bytes:
        """The content of a file in a container."""
        return await self._connection.content(path("containers", container_id, "files", file_id, "content"))

    async def models(self) -> list[str]:
        """Ids of the models it offers, the default one first: the configured one, else by ``models.in_order``."""
        try:
            listed = await self._listed_models()
        except UpstreamError as fault:
            if self._model is None or fault.kind != "not_found":
                raise
            # A server without a list still has the model that was configured.
            listed = []
        found = models.in_order(listed, models.today())
        return found if self._model is None else list(dict.fromkeys([self._model, *found]))

    async def count_tokens(self, layout: Layout) -> int | None:
        """Input tokens of a request, free of charge; None where it cannot be known."""
        if not self._profile.input_tokens:
            return None
        body = count_body(layout, self._profile)
        reply = await self._connection.post("/responses/input_tokens", body, repeatable=True)
        counted = reply.body.get("input_tokens")
        return counted if isinstance(counted, int) else None

    async def upload(self, filename: str, content: bytes, purpose: str, *, expires_seconds: int | None = None) -> str:
        """Upload a file; returns its id."""
        fields: JsonObject = {"purpose": purpose}
        if expires_seconds is not None:
            fields["expires_after"] = {"anchor": "created_at", "seconds": expires_seconds}
        reply = await self._connection.post(
            "/files",
            fields,
            repeatable=False,
            files=[("file", (filename, content))],
            options={"headers": {"Content-Type": "multipart/form-data"}},
        )
        return made_id(reply)

    async def delete_file(self, file_id: str) -> bool:
        """Delete an uploaded file; False when it was already gone."""
        return await self._connection.delete(path("files", file_id))

    async def embedding_model(self) -> str:
        """The configured one, else one that the server lists."""
        return await self._embedder()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text; texts of any length."""
        return await embed(self._connection, await self._embedder(), texts)

    async def prepare(self) -> AsyncIterator[str]:
        """Make the client: the SDK's import and the machine's certificates take up to a second."""
        await self._connection.ready()
        for nothing in ():
            yield nothing

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _asked(self, layout: Layout) -> "tuple[AsyncStream[object], int]":
        body = self.body(layout)
        try:
            return await self._connection.stream("/responses", body)
        except UpstreamError as refusal:
            if not (layout.background and body["stream"] and faults.refuses_streaming(refusal)):
                raise
            # Not every model streams, and work in the background needs nobody who listens.
            return await self._connection.stream("/responses", {**body, "stream": False}, attempts=refusal.attempts)

    async def _told(
        self, opening: "Awaitable[tuple[AsyncStream[object], int]]", *, known: bool = False, partial: bool = False
    ) -> AsyncGenerator[Event]:
        stream, attempts = await opening
        reader = Reader(attempts, known=known, partial=partial)
        async with aclosing(read_events(stream, reader, silence_seconds=self._connection.timeout_seconds)) as events:
            async for event in events:
                yield event

    async def _listed_models(self) -> list[JsonObject]:
        return objects((await self._connection.get("/models")).body.get("data"))

    async def _embedder(self) -> str:
        if self._embedding_model is None:
            self._embedding_model = models.embedding_model(await self._listed_models(), models.today())
        if self._embedding_model is None:
            raise UpstreamError(
                "The upstream lists no embedding model; name one in RESPONSES_MCP_EMBEDDING_MODEL.",
                kind="not_found",
                outcome="not_sent",
            )
        return self._embedding_model


def _answer(reply: Reply) -> Answer:
    return parse_answer(reply.body, attempts=reply.attempts, poll_after=poll_after(reply.headers))
