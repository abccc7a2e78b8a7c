"""An upstream that remembers: whole conversations, files and vector stores, as the real one keeps them.

    async with stateful() as up:
        up.say("Hello", [function_call("weather", "{}")])   # what it answers next: texts or output items
        ... a client on up.base_url ...
        assert len(up.posts()) == 2                         # everything that was paid for

Without ``say`` it answers "Turn N: <what was asked>", where N counts the user's messages it knows of (from the chain as
from a replay), or a smallest instance when a schema is asked for. A background response goes one step further with
each GET, or as fast as its stream is read; ``pause`` (an ``asyncio.Event``) holds every answer after its first event.
Answers planned with ``on`` come first, as in a scripted upstream.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from email import message_from_bytes
from itertools import count
from math import hypot
from typing import Any
from zlib import crc32

from tests.upstream import ScriptedUpstream, serving
from tests.upstream_answers import Answer, JsonObject, Request, error, reply, stream
from tests.upstream_shapes import (
    embeddings,
    events,
    file,
    hit,
    message,
    model,
    page,
    response,
    search_page,
    smallest,
    store_file,
    usage,
    vector_store,
)

Handler = Callable[..., Answer]
STEPS = {"queued": "in_progress", "in_progress": "completed"}


def stateful() -> "AbstractAsyncContextManager[StatefulUpstream]":
    """A new one, served in this event loop while the block runs and checked when it ends."""
    return serving(StatefulUpstream())


class StatefulUpstream(ScriptedUpstream):
    """``responses``, ``files`` and ``stores`` are what it keeps, by id."""

    def __init__(self) -> None:
        super().__init__()
        self.responses: dict[str, JsonObject] = {}
        self.files: dict[str, JsonObject] = {}
        self.stores: dict[str, JsonObject] = {}
        self.pause: asyncio.Event | None = None
        self._inputs: dict[str, list[JsonObject]] = {}
        self._kept: dict[str, bool] = {}
        self._said: deque[str | list[JsonObject]] = deque()
        self._numbers = count(1)
        one = r"([^/]+)"
        self._routes: list[tuple[str, Handler]] = [
            ("POST /v1/responses", self._create),
            ("POST /v1/responses/input_tokens", self._count_tokens),
            (f"GET /v1/responses/{one}", self._retrieve),
            (f"DELETE /v1/responses/{one}", self._delete),
            (f"POST /v1/responses/{one}/cancel", self._cancel),
            ("GET /v1/models", self._models),
            ("POST /v1/embeddings", self._embeddings),
            ("POST /v1/files", self._upload),
            (f"DELETE /v1/files/{one}", self._delete_file),
            ("POST /v1/vector_stores", self._create_store),
            (f"DELETE /v1/vector_stores/{one}", self._delete_store),
            (f"POST /v1/vector_stores/{one}/files", self._attach),
            (f"GET /v1/vector_stores/{one}/files/{one}", self._store_file),
            (f"DELETE /v1/vector_stores/{one}/files/{one}", self._detach),
            (f"POST /v1/vector_stores/{one}/search", self._search),
        ]

    def say(self, *outputs: str | list[JsonObject]) -> None:
        """What the next responses say: texts, or lists of output items."""
        self._said.extend(outputs)

    def kept(self) -> set[str]:
        """Ids of the responses that can still be retrieved."""
        return {one for one, there in self._kept.items() if there}

    def someone_elses(self) -> str:
        """A response that this server did not make; returns its id."""
        self.responses["resp_foreign"] = response("Not yours.", id="resp_foreign")
        self._kept["resp_foreign"] = True
        return "resp_foreign"

    def forget(self, response_id: str) -> None:
        """What the upstream does in its own time."""
        self._kept[response_id] = False

    def otherwise(self, request: Request) -> Answer | None:
        """Answer from memory."""
        for pattern, handler in self._routes:
            if match := re.fullmatch(pattern, f"{request.method} {request.path}"):
                return handler(request, *match.groups())
        return None

    def _id(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers):048x}"

    # Responses

    def _create(self, request: Request) -> Answer:
        body = request.json
        previous = body.get("previous_response_id")
        if previous is not None and not self._kept.get(previous):
            words = f"Previous response with id '{previous}' not found."
            return error(400, words, code="previous_response_not_found", param="previous_response_id")
        if body.get("background") and body.get("store") is False:
            return error(400, "Background responses must be stored.", param="store")
        final = self._respond(body, self._history(previous) + _items(body["input"]))
        if not body.get("stream"):
            return reply({**final, "status": "queued", "output": []} if body.get("background") else final)
        return stream(self._progress(final, self.pause))

    def _progress(self, final: JsonObject, pause: asyncio.Event | None) -> Iterator[JsonObject | asyncio.Event]:
        # Events are drawn one by one as they are sent: a cancelled response sends no more of them.
        first, *rest, last = events(final)
        yield first
        if pause is not None:
            yield pause
        yield from (event for event in rest if not self._cancelled(final))
        if not self._cancelled(final):
            self.responses[final["id"]] = final
            yield last

    def _cancelled(self, final: JsonObject) -> bool:
        return self.responses[final["id"]]["status"] == "cancelled"

    def _respond(self, body: JsonObject, known: list[JsonObject]) -> JsonObject:
        output = self._output(body, known)
        echoed = {
            name: body[name]
            for name in ("model", "previous_response_id", "prompt_cache_key", "background", "instructions", "store")
            if name in body
        }
        counts = usage(_words(known), _words(output), cached=_words(self._history(body.get("previous_response_id"))))
        final = response(**{"id": self._id("resp_"), "output": output, "usage": counts, **echoed})
        self._kept[final["id"]] = bool(body.get("store", True))
        self._inputs[final["id"]] = known
        self.responses[final["id"]] = {**final, "status": "queued"} if body.get("background") else final
        return final

    def _history(self, response_id: str | None) -> list[JsonObject]:
        if response_id is None:
            return []
        return [*self._inputs[response_id], *self.responses[response_id]["output"]]

    def _output(self, body: JsonObject, known: list[JsonObject]) -> list[JsonObject]:
        said = self._said.popleft() if self._said else None
        if isinstance(said, list):
            return said
        shape = (body.get("text") or {}).get("format") or {}
        if said is None and shape.get("type") == "json_schema":
            said = json.dumps(smallest(shape["schema"], shape["schema"]))
        asked = [item for item in known if item.get("role") == "user"]
        text = said if said is not None else f"Turn {len(asked)}: {_text(asked[-1]) if asked else ''}"
        return [message(text, item_id=self._id("msg_"))]

    def _retrieve(self, request: Request, response_id: str) -> Answer:
        if not self._kept.get(response_id):
            return error(404, f"Response with id '{response_id}' not found.")
        found = self.responses[response_id]
        self.responses[response_id] = {**found, "status": STEPS.get(found["status"], found["status"])}
        return reply(found if found["status"] not in STEPS else {**found, "output": [], "usage": None})

    def _delete(self, request: Request, response_id: str) -> Answer:
        if not self._kept.pop(response_id, False):
            return error(404, f"Response with id '{response_id}' not found.")
        return reply({"id": response_id, "object": "response", "deleted": True})

    def _cancel(self, request: Request, response_id: str) -> Answer:
        found = self.responses.get(response_id)
        if found is None or not self._kept.get(response_id):
            return error(404, f"Response with id '{response_id}' not found.")
        if not found["background"]:
            return error(400, "Cannot cancel a synchronous response.")
        if found["status"] in STEPS:
            found = self.responses[response_id] = {**found, "status": "cancelled", "output": [], "usage": None}
        return reply(found)

    def _count_tokens(self, request: Request) -> Answer:
        return reply({"object": "response.input_tokens", "input_tokens": _words(_items(request.json["input"]))})

    # Models and embeddings

    def _models(self, request: Request) -> Answer:
        return reply(page([model("gpt-6-sol", 1_790_000_000), model("text-embedding-3-small", 1_700_000_000)]))

    def _embeddings(self, request: Request) -> Answer:
        return reply(embeddings(*[_vector(text) for text in request.json["input"]]))

    # Files and vector stores

    def _upload(self, request: Request) -> Answer:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        parts = {part.get_param("name", header="content-disposition"): part for part in _form(head + request.content)}
        content = parts["file"].get_payload(decode=True)
        about = {"filename": parts["file"].get_filename(), "purpose": parts["purpose"].get_payload()}
        made = file(self._id("file-"), bytes=len(content), **about)
        self.files[made["id"]] = {**made, "text": content.decode("utf-8", "replace")}
        return reply(made)

    def _delete_file(self, request: Request, file_id: str) -> Answer:
        return _deleted(self.files, file_id, "file")

    def _create_store(self, request: Request) -> Answer:
        made = vector_store(self._id("vs_"), name=request.json.get("name"))
        self.stores[made["id"]] = {**made, "files": {}}
        return reply(made)

    def _delete_store(self, request: Request, store_id: str) -> Answer:
        return _deleted(self.stores, store_id, "vector_store")

    def _attach(self, request: Request, store_id: str) -> Answer:
        file_id = request.json["file_id"]
        if store_id not in self.stores or file_id not in self.files:
            return error(404, f"No vector store '{store_id}' or no file '{file_id}'.")
        self.stores[store_id]["files"][file_id] = request.json.get("attributes") or {}
        return reply(store_file("in_progress", file_id=file_id), headers={"openai-poll-after-ms": "1"})

    def _store_file(self, request: Request, store_id: str, file_id: str) -> Answer:
        if file_id not in self.stores.get(store_id, {}).get("files", {}):
            return error(404, f"No file '{file_id}' in vector store '{store_id}'.")
        return reply(store_file("completed", file_id=file_id))

    def _detach(self, request: Request, store_id: str, file_id: str) -> Answer:
        return _deleted(self.stores.get(store_id, {}).get("files", {}), file_id, "vector_store.file")

    def _search(self, request: Request, store_id: str) -> Answer:
        if store_id not in self.stores:
            return error(404, f"No vector store '{store_id}'.")
        query = request.json["query"]
        wanted = set(_terms(query if isinstance(query, str) else " ".join(query)))
        found = [
            hit(
                kept["text"],
                len(wanted & set(_terms(kept["text"]))) / len(wanted or {""}),
                file_id=file_id,
                filename=kept["filename"],
                **attributes,
            )
            for file_id, attributes in self.stores[store_id]["files"].items()
            if (kept := self.files.get(file_id))
        ]
        best = sorted((one for one in found if one["score"] > 0), key=lambda one: one["score"], reverse=True)
        return reply(search_page(*best[: request.json.get("max_num_results", 10)], query=query))


def _deleted(kept: JsonObject, one: str, kind: str) -> Answer:
    if kept.pop(one, None) is None:
        return error(404, f"No such {kind}: '{one}'.")
    return reply({"id": one, "object": f"{kind}.deleted", "deleted": True})


def _items(asked: str | list[JsonObject]) -> list[JsonObject]:
    return [{"role": "user", "content": asked}] if isinstance(asked, str) else asked


def _text(item: JsonObject) -> str:
    content = item.get("content") or item.get("output") or item.get("arguments") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text") or "" for part in content)


def _words(items: list[JsonObject]) -> int:
    return sum(len(_text(item).split()) for item in items)


def _terms(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _vector(text: str, size: int = 64) -> list[float]:
    vector = [0.0] * size
    for term in _terms(text):
        vector[crc32(term.encode()) % size] += 1.0
    length = hypot(*vector) or 1.0
    return [value / length for value in vector]


def _form(content: bytes) -> list[Any]:
    parts = message_from_bytes(content).get_payload()
    assert isinstance(parts, list)
    return parts
