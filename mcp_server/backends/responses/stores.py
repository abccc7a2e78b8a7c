"""Vector stores kept by the upstream. What is already gone is as good as deleted."""

from collections.abc import Sequence
from typing import Any

import anyio

from mcp_server.backends.responses import faults
from mcp_server.backends.responses.connection import Connection, Reply, path
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

    def __init__(self, connection: Connection, *, patience_seconds: float) -> None:
        self._connection = connection
        self._patience_seconds = patience_seconds

    async def create(self, name: str) -> str:
        """Make an empty store; returns its id."""
        reply = await self._connection.post("/vector_stores", {"name": name}, repeatable=False, **_BETA)
        return made_id(reply)

    async def attach(self, store_id: str, file_id: str, attributes: dict[str, Any]) -> str:
        """Add an uploaded file and wait until it is searchable. Returns "completed", or the reason it failed."""
        files = path("vector_stores", store_id, "files")
        try:
            body = {"file_id": file_id, "attributes": attributes}
            reply = await self._connection.post(files, body, repeatable=False, **_BETA)
        except UpstreamError as fault:
            if fault.http_status != 409:
                raise
            # It is attached already: what counts is how its indexing went.
            reply = await self._file(store_id, file_id)
        with anyio.move_on_after(self._patience_seconds):
            while reply.body.get("status") == "in_progress":
                await anyio.sleep(_pause(reply))
                reply = await self._file(store_id, file_id)
        return self._outcome(reply.body)

    async def detach(self, store_id: str, file_id: str) -> None:
        """Take a file out; one that is not there any more is fine."""
        await self._connection.delete(path("vector_stores", store_id, "files", file_id), **_BETA)

    async def search(
        self, store_id: str, queries: Sequence[str], options: JsonObject
    ) -> tuple[list[Passage], list[str]]:
        """Search. Returns the passages, best first, and the queries that were really searched."""
        query = queries[0] if len(queries) == 1 else list(queries)
        search = path("vector_stores", store_id, "search")
        reply = await self._connection.post(search, {**options, "query": query}, repeatable=True, **_BETA)
        if not isinstance(reply.body.get("data"), list):
            raise faults.bad_response("search results of another shape", attempts=reply.attempts, outcome="failed")
        searched = reply.body.get("search_query")
        asked = [searched] if isinstance(searched, str) else searched
        return [_passage(found) for found in objects(reply.body["data"])], list(asked or queries)

    async def delete(self, store_id: str) -> bool:
        """Delete the store; False when it was already gone."""
        return await self._connection.delete(path("vector_stores", store_id), **_BETA)

    async def _file(self, store_id: str, file_id: str) -> Reply:
        return await self._connection.request(
            "get", path("vector_stores", store_id, "files", file_id), repeatable=True, **_BETA
        )

    def _outcome(self, file: JsonObject) -> str:
        status = string(file.get("status")) or "unknown"
        if status == "in_progress":
            return f"still being indexed after {self._patience_seconds:g} s"
        reason = string(mapping(file.get("last_error")).get("message"))
        return f"{status}: {quoted(reason)}" if reason and status != "completed" else status


def made_id(reply: Reply) -> str:
    """The id of an object that was just made. Raises ``UpstreamError`` when there is none."""
    made = string(reply.body.get("id"))
    if made is None:
        raise faults.bad_response("an object without an id", attempts=reply.attempts)
    return made


def _pause(reply: Reply) -> float:
    try:
        return min(float(reply.headers["openai-poll-after-ms"]) / 1000, LONGEST_POLL_SECONDS)
    except (KeyError, ValueError):
        return POLL_SECONDS


def _passage(found: JsonObject) -> Passage:
    score = found.get("score")
    return Passage(
        file_id=string(found.get("file_id")) or "",
        filename=string(found.get("filename")) or "",
        score=min(1.0, max(0.0, score)) if isinstance(score, int | float) else 0.0,
        text="\n".join(string(part.get("text")) or "" for part in objects(found.get("content"))),
        attributes=mapping(found.get("attributes")),
    )
