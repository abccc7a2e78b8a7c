"""Vector stores kept by the upstream. What is already gone is as good as deleted."""

from collections.abc import Sequence
from typing import Any

import anyio

from mcp_server.backends.protocol import Attachment
from mcp_server.backends.responses import faults
from mcp_server.backends.responses.connection import Connection, Reply, path
from mcp_server.backends.responses.found import passage
from mcp_server.backends.responses.learning import Learning
from mcp_server.backends.responses.parse import mapping, objects, string
from mcp_server.backends.responses.quoting import quoted
from mcp_server.errors import UpstreamError
from mcp_server.model.document import Passage
from mcp_server.model.value import JsonObject

_BETA: dict[str, Any] = {"options": {"headers": {"OpenAI-Beta": "assistants=v2"}}}
POLL_SECONDS = 1.0
LONGEST_POLL_SECONDS = 10.0


class ResponsesStores:
    """``HostedStores`` on ``vector_stores.*``. ``patience_seconds`` is how long a file may take to be indexed."""

    def __init__(self, connection: Connection, learning: Learning, *, patience_seconds: float) -> None:
        self._connection = connection
        self._learning = learning
        self._patience_seconds = patience_seconds

    async def create(self, name: str, *, expires_days: int | None = None) -> str:
        """Make an empty store, forgotten after so many days without use; returns its id."""
        body: JsonObject = {"name": name} if expires_days is None else {"name": name, **_expiry(expires_days)}
        async with self._learning.needs("vector_stores"):
            return made_id(await self._connection.post("/vector_stores", body, repeatable=False, **_BETA))

    async def expire(self, store_id: str, days: int) -> None:
        """Change after how many days without use it is forgotten."""
        await self._connection.post(path("vector_stores", store_id), _expiry(days), repeatable=True, **_BETA)

    async def alive(self, store_id: str) -> bool:
        """False when the store is gone, or has expired."""
        found = await self._found("vector_stores", store_id)
        return found is not None and found.body.get("status") != "expired"

    async def attach(
        self, store_id: str, file_id: str, attributes: JsonObject, chunking: tuple[int, int] | None
    ) -> Attachment:
        """Add an uploaded file, cut into passages of so many tokens (None: as the backend does); does not wait."""
        body: JsonObject = {"file_id": file_id, "attributes": attributes}
        if chunking:
            tokens, overlap = chunking
            limits = {"max_chunk_size_tokens": tokens, "chunk_overlap_tokens": overlap}
            body["chunking_strategy"] = {"type": "static", "static": limits}
        files = path("vector_stores", store_id, "files")
        try:
            return _attachment((await self._connection.post(files, body, repeatable=False, **_BETA)).body)
        except UpstreamError as fault:
            if fault.http_status != 409:
                raise
            # It is attached already: what counts is how its indexing goes.
            return Attachment("in_progress", attributes)

    async def attached(self, store_id: str, file_id: str) -> Attachment | None:
        """The file as it is in the store, waited for while it is being indexed; None when it is not in it."""
        found = await self._file(store_id, file_id)
        with anyio.move_on_after(self._patience_seconds):
            while found and found.body.get("status") == "in_progress":
                await anyio.sleep(_pause(found))
                found = await self._file(store_id, file_id)
        return found and _attachment(found.body)

    async def describe(self, store_id: str, file_id: str, attributes: JsonObject) -> None:
        """Put other attributes on a file that is in it."""
        file = path("vector_stores", store_id, "files", file_id)
        await self._connection.post(file, {"attributes": attributes}, repeatable=True, **_BETA)

    async def detach(self, store_id: str, file_id: str) -> None:
        """Take a file out; one that is not there any more is fine."""
        await self._connection.delete(path("vector_stores", store_id, "files", file_id), **_BETA)

    async def search(
        self, store_id: str, queries: Sequence[str], options: JsonObject
    ) -> tuple[list[Passage], list[str]]:
        """Search. Returns the passages, best first, and the queries that were really searched."""
        query = queries[0] if len(queries) == 1 else list(queries)
        search = path("vector_stores", store_id, "search")
        async with self._learning.needs("vector_stores"):
            reply = await self._connection.post(search, {**options, "query": query}, repeatable=True, **_BETA)
        if not isinstance(reply.body.get("data"), list):
            raise faults.bad_response("search results of another shape", attempts=reply.attempts, outcome="failed")
        searched = reply.body.get("search_query")
        asked = [searched] if isinstance(searched, str) else searched
        return [_passage(one) for one in objects(reply.body["data"])], list(asked or queries)

    async def delete(self, store_id: str) -> bool:
        """Delete the store; False when it was already gone."""
        return await self._connection.delete(path("vector_stores", store_id), **_BETA)

    async def _file(self, store_id: str, file_id: str) -> Reply | None:
        return await self._found("vector_stores", store_id, "files", file_id)

    async def _found(self, *place: str) -> Reply | None:
        try:
            return await self._connection.request("get", path(*place), repeatable=True, **_BETA)
        except UpstreamError as fault:
            if fault.kind == "not_found":
                return None
            raise


def made_id(reply: Reply) -> str:
    """The id of an object that was just made. Raises ``UpstreamError`` when there is none."""
    made = string(reply.body.get("id"))
    if made is None:
        raise faults.bad_response("an object without an id", attempts=reply.attempts)
    return made


def _expiry(days: int) -> JsonObject:
    return {"expires_after": {"anchor": "last_active_at", "days": days}}


def _attachment(file: JsonObject) -> Attachment:
    status = string(file.get("status")) or "unknown"
    static = mapping(mapping(file.get("chunking_strategy")).get("static"))
    tokens, overlap = static.get("max_chunk_size_tokens"), static.get("chunk_overlap_tokens")
    chunking = (tokens, overlap) if isinstance(tokens, int) and isinstance(overlap, int) else None
    attributes = mapping(file.get("attributes"))
    if status in ("completed", "in_progress"):
        return Attachment("completed" if status == "completed" else "in_progress", attributes, chunking)
    words = string(mapping(file.get("last_error")).get("message"))
    return Attachment("failed", attributes, chunking, f"{status}: {quoted(words)}" if words else status)


def _pause(reply: Reply) -> float:
    try:
        return min(float(reply.headers["openai-poll-after-ms"]) / 1000, LONGEST_POLL_SECONDS)
    except (KeyError, ValueError):
        return POLL_SECONDS


def _passage(result: JsonObject) -> Passage:
    return passage(result, "\n".join(string(part.get("text")) or "" for part in objects(result.get("content"))))
