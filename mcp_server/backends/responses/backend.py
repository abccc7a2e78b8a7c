"""A Responses API server as a ``Backend``: what it can do is its profile, what it is told is the layout."""

from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from datetime import date
from typing import TYPE_CHECKING

from mcp_server.backends.observed import Observed
from mcp_server.backends.profile import Profile
from mcp_server.backends.responses import faults, models
from mcp_server.backends.responses.access import Access
from mcp_server.backends.responses.body import compact_body, count_body, create_body
from mcp_server.backends.responses.connection import Connection, Reply, path
from mcp_server.backends.responses.echo import BACKGROUND_IGNORED, Echo
from mcp_server.backends.responses.embeddings import embed
from mcp_server.backends.responses.identify import Acquaintance
from mcp_server.backends.responses.learning import Learning
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

    ``access`` is where it is and how we come in. ``timeout_seconds`` is the longest silence of one request;
    ``max_retries`` how often one that did no work is sent again, the first time after about ``retry_delay_seconds``.
    """

    def __init__(
        self,
        name: str,
        profile: Profile,
        *,
        access: Access,
        model: str | None,
        embedding_model: str | None,
        timeout_seconds: float,
        max_retries: int,
        retry_delay_seconds: float = 0.5,
    ) -> None:
        self._name = name
        self._observed = Observed(profile)
        self._learning = Learning(self._observed)
        self._model = model
        self._embedding_model = embedding_model
        self._connection = Connection(
            access=access,
            timeout_seconds=timeout_seconds,
            retries=Retries(max_retries, retry_delay_seconds),
            observed=self._observed,
        )
        self._acquaintance = Acquaintance(self._connection, self._observed, known=name != "compatible")
        self._stores = ResponsesStores(self._connection, self._learning, patience_seconds=timeout_seconds)

    @property
    def name(self) -> str:
        """``openai``, ``azure``, ``compatible``, …"""
        return self._name

    @property
    def profile(self) -> Profile:
        """What it can do, as far as it is known by now."""
        return self._observed.profile_for(None)

    def profile_for(self, model: str | None) -> Profile:
        """What it can do with this model."""
        return self._observed.profile_for(model)

    @property
    def observed(self) -> Observed:
        """What it turned out to do other than documented."""
        return self._observed

    @property
    def address(self) -> str:
        """Its base URL."""
        return self._connection.base_url

    async def acquaint(self) -> None:
        """Find out which compatible server this is, if that is not known; later calls return at once.

        A server that does not answer is asked again the next time.
        """
        await self._acquaintance.make()

    @property
    def stores(self) -> ResponsesStores:
        """Hosted vector stores (profile ``vector_stores``)."""
        return self._stores

    def respond(self, layout: Layout) -> AsyncGenerator[Event]:
        """Send the request and yield what happens, ``Finished`` or ``Accepted`` last.

        Close the generator to stop the work upstream. A background response goes on there when its stream is closed:
        ``cancel`` ends it.
        """
        body = self.body(layout)
        echo = Echo(body) if self.profile.echoes else None
        return self._learned(body, echo, self._told(self._asked(layout, body), echo=echo))

    def resume(self, response_id: str, after: int | None) -> AsyncGenerator[Event]:
        """A background response's stream after the event ``after``, None for all of it; without ``Created``."""
        place: JsonObject = {} if after is None else {"starting_after": after}
        opening = self._connection.reread(path("responses", response_id), {"stream": "true", **place})
        return self._told(opening, known=True, partial=after is not None)

    def body(self, layout: Layout) -> JsonObject:
        """The JSON that ``respond`` would send."""
        return create_body(layout, self.profile_for(layout.model))

    async def retrieve(self, response_id: str) -> Answer:
        """The response as it is now. A status that has not ended is a normal answer."""
        async with self._learning.needs("retrieve"):
            return self._answer(await self._connection.get(path("responses", response_id)))

    async def cancel(self, response_id: str) -> Answer:
        """Cancel a background response; idempotent. Returns it as it is then, which may be completed or still going."""
        try:
            return self._answer(
                await self._connection.post(path("responses", response_id, "cancel"), {}, repeatable=True)
            )
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
        async with self._learning.needs("delete"):
            return await self._connection.delete(path("responses", response_id))

    async def compact(self, layout: Layout) -> Answer:
        """A shorter form of the layout's input; ``output`` is the input to go on with."""
        body = compact_body(layout, self.profile_for(layout.model))
        async with self._learning.needs("compact"):
            reply = await self._connection.post("/responses/compact", body, repeatable=False)
        return parse_answer({"status": "completed", "model": layout.model, **reply.body}, attempts=reply.attempts)

    async def create_conversation(self) -> str:
        """Make an empty conversation; returns its id."""
        async with self._learning.needs("conversations"):
            return made_id(await self._connection.post("/conversations", {}, repeatable=False))

    async def delete_conversation(self, conversation_id: str) -> bool:
        """Delete a conversation; False when it was already gone."""
        return await self._connection.delete(path("conversations", conversation_id))

    async def container_file(self, container_id: str, file_id: str) -> bytes:
        """The content of a file in a container."""
        async with self._learning.needs("containers"):
            return await self._connection.content(path("containers", container_id, "files", file_id, "content"))

    async def models(self) -> list[str]:
        """Ids of the models it offers, the default one first: the configured one, else by ``models.in_order``."""
        try:
            listed = await self._listed_models() if self.profile.models else []
        except UpstreamError as fault:
            if self._model is None or not (fault.missing or fault.kind == "not_found"):
                raise
            # A server without a list still has the model that was configured.
            listed = []
        found = models.in_order(listed, models.today())
        return found if self._model is None else list(dict.fromkeys([self._model, *found]))

    async def catalogue(self) -> dict[str, date | None]:
        """The models it lists, each with the day on which it shuts down where that is told."""
        return models.ends(await self._listed_models())

    async def count_tokens(self, layout: Layout) -> int | None:
        """Input tokens of a request, free of charge; None where it cannot be known."""
        if not self.profile.input_tokens:
            return None
        body = count_body(layout, self.profile_for(layout.model))
        try:
            async with self._learning.needs("input_tokens"):
                reply = await self._connection.post("/responses/input_tokens", body, repeatable=True)
        except UpstreamError as fault:
            if not fault.missing:
                raise
            return None
        counted = reply.body.get("input_tokens")
        return counted if isinstance(counted, int) else None

    async def upload(self, filename: str, content: bytes, purpose: str, *, expires_seconds: int | None = None) -> str:
        """Upload a file; returns its id."""
        fields: JsonObject = {"purpose": self.profile.file_purpose if purpose == "user_data" else purpose}
        if expires_seconds is not None:
            fields["expires_after"] = {"anchor": "created_at", "seconds": expires_seconds}
        async with self._learning.needs("files"):
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
        async with self._learning.needs("embeddings"):
            return await self._embedder()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text; texts of any length."""
        async with self._learning.needs("embeddings"):
            return await embed(self._connection, await self._embedder(), texts)

    async def prepare(self) -> AsyncGenerator[str]:
        """Make the client: the SDK's import and the machine's certificates take up to a second."""
        await self._connection.ready()
        for nothing in ():
            yield nothing

    def prepare_to_embed(self) -> AsyncGenerator[str]:
        """The same client embeds."""
        return self.prepare()

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _asked(self, layout: Layout, body: JsonObject) -> "tuple[AsyncStream[object], int]":
        try:
            return await self._connection.stream("/responses", body)
        except UpstreamError as refusal:
            if not (layout.background and body["stream"] and faults.refuses_streaming(refusal)):
                raise
            # Not every model streams, and work in the background needs nobody who listens.
            return await self._connection.stream("/responses", {**body, "stream": False}, attempts=refusal.attempts)

    async def _learned(
        self, body: JsonObject, echo: Echo | None, events: AsyncGenerator[Event]
    ) -> AsyncGenerator[Event]:
        async with self._learning.asks(body), aclosing(events):
            async for event in events:
                if echo and echo.in_foreground and self.profile.background:
                    await self._observed.note("background", False, BACKGROUND_IGNORED)
                yield event

    async def _told(
        self,
        opening: "Awaitable[tuple[AsyncStream[object], int]]",
        *,
        known: bool = False,
        partial: bool = False,
        echo: Echo | None = None,
    ) -> AsyncGenerator[Event]:
        stream, attempts = await opening
        reader = Reader(attempts, known=known, partial=partial, echo=echo, secrets=self._connection.secrets)
        async with aclosing(read_events(stream, reader, silence_seconds=self._connection.timeout_seconds)) as events:
            async for event in events:
                yield event

    def _answer(self, reply: Reply) -> Answer:
        wish, secrets = poll_after(reply.headers), self._connection.secrets
        return parse_answer(reply.body, attempts=reply.attempts, poll_after=wish, secrets=secrets)

    async def _listed_models(self) -> list[JsonObject]:
        async with self._learning.needs("models"):
            return objects((await self._connection.get("/models")).body.get("data"))

    async def _embedder(self) -> str:
        if self._embedding_model is None:
            self._embedding_model = models.embedding_model(await self._listed_models(), models.today())
        if self._embedding_model is None:
            raise UpstreamError(
                "The upstream lists no embedding model; name one in RESPONSES_MCP_EMBEDDING_MODEL.",
                kind="not_found",
                outcome="not_sent",
                missing=True,
            )
        return self._embedding_model
