"""What a backend does. Methods behind a flag of the profile are only called when the flag is set.

Every method raises ``UpstreamError`` (or ``EngineError`` from the embedded engine) and nothing else of its own; task
cancellation stops the work upstream. No method sends a request that creates something more than once, except after an
answer that proves no work was done (see ``backends/responses/retries.py``).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import date
from typing import Literal, NamedTuple, Protocol

from mcp_server.backends.observed import Observed
from mcp_server.backends.profile import Profile
from mcp_server.model.answer import Answer
from mcp_server.model.document import Passage
from mcp_server.model.events import Event
from mcp_server.model.request import Layout
from mcp_server.model.value import JsonObject


class Attachment(NamedTuple):
    """A file in a hosted store: whether it is searchable, what it was attached with, and why it is not.

    ``chunking`` are the tokens of a passage and of its overlap, None where the backend does not tell.
    """

    status: Literal["completed", "in_progress", "failed"]
    attributes: JsonObject
    chunking: tuple[int, int] | None = None
    reason: str = ""


class HostedStores(Protocol):
    """Vector stores kept by the backend (profile ``vector_stores``)."""

    async def create(self, name: str, *, expires_days: int | None = None) -> str:
        """Make an empty store, forgotten after so many days without use; returns its id."""
        ...

    async def expire(self, store_id: str, days: int) -> None:
        """Change after how many days without use it is forgotten."""
        ...

    async def alive(self, store_id: str) -> bool:
        """False when the store is gone, or has expired."""
        ...

    async def attach(
        self, store_id: str, file_id: str, attributes: JsonObject, chunking: tuple[int, int] | None
    ) -> Attachment:
        """Add an uploaded file, cut into passages of so many tokens (None: as the backend does); does not wait."""
        ...

    async def attached(self, store_id: str, file_id: str) -> Attachment | None:
        """The file as it is in the store, waited for while it is being indexed; None when it is not in it."""
        ...

    async def describe(self, store_id: str, file_id: str, attributes: JsonObject) -> None:
        """Put other attributes on a file that is in it."""
        ...

    async def detach(self, store_id: str, file_id: str) -> None:
        """Take a file out; one that is not there any more is fine."""
        ...

    async def search(
        self, store_id: str, queries: Sequence[str], options: JsonObject
    ) -> tuple[list[Passage], list[str]]:
        """Search. ``options`` are API parameters (``filters``, ``max_num_results``, ``ranking_options``, …).

        Returns the passages, best first, and the queries that were really searched.
        """
        ...

    async def delete(self, store_id: str) -> bool:
        """Delete the store; False when it was already gone."""
        ...


class Embedder(Protocol):
    """Whoever turns texts into vectors for the embedded index: a backend, or the embedded engine beside one."""

    async def embedding_model(self) -> str:
        """The model's name; vectors of two models cannot be compared."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text; texts of any length."""
        ...

    def prepare_to_embed(self) -> AsyncGenerator[str]:
        """Make it ready (fetch a model, start a child), saying how it goes; ``embed`` does it too, and says nothing."""
        ...

    async def close(self) -> None:
        """Stop what was started for it."""
        ...


class Backend(Protocol):
    """Whoever answers. ``name`` is part of every key in the store."""

    @property
    def name(self) -> str:
        """``openai``, ``local``, …"""
        ...

    @property
    def profile(self) -> Profile:
        """What it can do, as far as it is known by now."""
        ...

    def profile_for(self, model: str | None) -> Profile:
        """What it can do with this model."""
        ...

    @property
    def observed(self) -> Observed:
        """What it turned out to do other than documented."""
        ...

    @property
    def address(self) -> str:
        """Where it is: a base URL, or ``embedded``."""
        ...

    async def acquaint(self) -> None:
        """Find out who it is, where the settings do not say so; before the profile is looked at. Raises nothing."""
        ...

    @property
    def stores(self) -> HostedStores:
        """Hosted vector stores (profile ``vector_stores``)."""
        ...

    def respond(self, layout: Layout) -> AsyncGenerator[Event]:
        """Send the request and yield what happens, ``Finished`` or ``Accepted`` last.

        Closing the generator stops the work upstream, unless it is a background response.
        """
        ...

    def body(self, layout: Layout) -> JsonObject:
        """The JSON that ``respond`` would send."""
        ...

    def resume(self, response_id: str, after: int | None) -> AsyncGenerator[Event]:
        """A background response's stream after the event ``after``, None for all of it (profile ``resume``).

        Its id is known: it begins without ``Created``.
        """
        ...

    async def retrieve(self, response_id: str) -> Answer:
        """The response as it is now (profile ``retrieve``). A status that has not ended is a normal answer."""
        ...

    async def cancel(self, response_id: str) -> Answer:
        """Cancel a background response (profile ``background``); idempotent.

        Returns it as it is then: it may have completed before, or still be going.
        """
        ...

    async def delete(self, response_id: str) -> bool:
        """Delete a stored response (profile ``delete``); False when it was already gone."""
        ...

    async def compact(self, layout: Layout) -> Answer:
        """A shorter form of the layout's input (profile ``compact``): ``output`` is the input to go on with."""
        ...

    async def create_conversation(self) -> str:
        """Make an empty conversation (profile ``conversations``); returns its id."""
        ...

    async def delete_conversation(self, conversation_id: str) -> bool:
        """Delete a conversation; False when it was already gone."""
        ...

    async def container_file(self, container_id: str, file_id: str) -> bytes:
        """The content of a file in a container (profile ``containers``)."""
        ...

    async def models(self) -> list[str]:
        """Ids of the models it offers, the default one first."""
        ...

    async def catalogue(self) -> dict[str, date | None]:
        """The models it lists, each with the day on which it shuts down, None where that is not told.

        Unlike ``models`` it raises where there is no list (profile ``models``), and knows nothing of the settings.
        """
        ...

    async def count_tokens(self, layout: Layout) -> int | None:
        """Input tokens of a request, free of charge; None where it cannot be known."""
        ...

    async def upload(self, filename: str, content: bytes, purpose: str, *, expires_seconds: int | None = None) -> str:
        """Upload a file (profile ``files``); returns its id. ``purpose`` is ``user_data`` or ``assistants``.

        It is forgotten ``expires_seconds`` (3,600 to 2,592,000) after its upload; None keeps it.
        """
        ...

    async def delete_file(self, file_id: str) -> bool:
        """Delete an uploaded file; False when it was already gone."""
        ...

    async def embedding_model(self) -> str:
        """The model that ``embed`` asks (profile ``embeddings``)."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text (profile ``embeddings``); texts of any length."""
        ...

    def prepare_to_embed(self) -> AsyncGenerator[str]:
        """``prepare``, for ``embed``."""
        ...

    def prepare(self) -> AsyncIterator[str]:
        """Make it ready (fetch a model, start a child), saying how it goes; over at once when nothing is to do."""
        ...

    async def close(self) -> None:
        """Stop children and close connections."""
        ...
